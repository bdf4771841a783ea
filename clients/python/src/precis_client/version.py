"""Version of this client. Any version of it speaks to any server of API version 1."""

VERSION = "0.1.0"
