#!/usr/bin/env bash
# image_bases.sh FOLDER DEBIAN PYTHON: make stand-ins for the two base images, under these names, in podman's storage, which
# the environment says. For machines that reach no registry of images: the same paths and the same Debian packages, but not
# the same bytes. Debian comes from where this machine's apt looks, Python is the one that runs here. FOLDER holds what
# podman is to mount while it builds. Needs root, podman and debootstrap, and a Python 3.11 in a folder of its own.
set -euo pipefail
folder=$1 debian=$2 python=$3
shift 3 # what is left is options for `podman build`

series=${debian##*:}
series=${series%-slim}
prefix=$(python3 -c 'import sys; print(sys.base_prefix)')
[ "$prefix" != /usr ] || { echo "python3 must be one in a folder of its own, not Debian's" >&2; exit 1; }
mapfile -t sources < <(find /etc/apt -name '*.list' -o -name '*.sources' | sort)
mirror=$(awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) {print $i; exit}}' "${sources[@]}")

root=$folder/root
rm -rf "$root" "$folder/python"
debootstrap --variant=minbase "$series" "$root" "$mirror" > "$folder/debootstrap.log" 2>&1
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log \
  "$root"/usr/share/{doc,man,info,locale,lintian}/*
tar -C "$root" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' -cf "$folder/debian.tar" .
podman import -q --change 'CMD ["bash"]' "$folder/debian.tar" "$debian" > /dev/null
rm -rf "$root" "$folder/debian.tar"

target=$folder/python/files/usr/local
mkdir -p "$target"
tar -C "$prefix" --exclude=lib/python3.11/test --exclude=lib/python3.11/site-packages --exclude=__pycache__ --exclude='*.a' \
  -cf - bin/python3.11 bin/python3 bin/python lib/python3.11 \
  $(cd "$prefix" && ls lib/libpython3*.so* 2> /dev/null || true) | tar -C "$target" -xf - # shellcheck disable=SC2046
find "$target" -name '*.so*' -type f -exec strip --strip-unneeded {} + 2> /dev/null || true
strip --strip-unneeded "$target/bin/python3.11" 2> /dev/null || true
cat > "$folder/python/Dockerfile" << END
FROM $debian
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends ca-certificates netbase tzdata \
  libbz2-1.0 libexpat1 libffi8 libgdbm6 liblzma5 libncursesw6 libnsl2 libreadline8 libsqlite3-0 libssl3 libtirpc3 libuuid1 zlib1g \
  && rm -rf /var/lib/apt/lists/*
COPY files /
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
RUN ldconfig && python3.11 -m ensurepip > /dev/null && ln -sf pip3.11 /usr/local/bin/pip && python -c 'import ssl, sqlite3, ctypes'
CMD ["python3"]
END
podman build -q "$@" -t "$python" "$folder/python" > /dev/null
rm -rf "$folder/python"
