// Validates custom resources: reads a JSON list of objects, writes a JSON list with the complaints about each.
// The validators come from the Go types of each project. These leave unknown fields alone, and here they are refused: an
// object is wrapped so that it notes which of its fields were looked at, and those that nobody looked at are unknown.
import { readFileSync } from "node:fs";

const PACKAGES = "./node_modules/@kubernetes-models";
const PROMETHEUS = "prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoring";
const KINDS = {
  "keda.sh/v1alpha1": (kind) => `keda/_schemas/ComGithubKedacoreKedaV2ApisKedaV1alpha1${kind}.js`,
  "gateway.networking.k8s.io/v1": (kind) => `gateway-api/_schemas/IoK8sSigsGatewayApiApisV1${kind}.js`,
  "monitoring.coreos.com/v1": (kind) => `${PROMETHEUS}V1${kind}.js`,
};

function watched(value, path, seen) {
  if (value === null || typeof value !== "object") return value;
  return new Proxy(value, {
    get(target, name) {
      if (typeof name === "string" && Object.hasOwn(target, name)) {
        seen.add(`${path}/${name}`);
        return watched(target[name], `${path}/${name}`, seen);
      }
      return Reflect.get(target, name);
    },
  });
}

function* fields(value, path) {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    yield `${path}/${name}`;
    yield* fields(inner, `${path}/${name}`);
  }
}

async function complaints(object) {
  const file = KINDS[object.apiVersion]?.(object.kind);
  if (!file) return [`no validator for ${object.apiVersion} ${object.kind}`];
  const { validate } = await import(`${PACKAGES}/${file}`);
  const seen = new Set();
  validate(watched(object, "", seen));
  const found = (validate.errors ?? []).map((error) => `${error.instancePath}: ${error.message ?? error.keyword} ${JSON.stringify(error.params)}`);
  const unknown = [...fields(object, "")].filter((path) => !seen.has(path));
  return [...found, ...unknown.map((path) => `${path}: unknown field`)];
}

const objects = JSON.parse(readFileSync(0, "utf-8"));
const all = [];
for (const object of objects) all.push(await complaints(object));
console.log(JSON.stringify(all));
