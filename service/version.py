"""The release this code belongs to."""

VERSION = "0.1.0"
