#!/bin/sh
# Installs the client programs of the end-to-end tests, each at the versions pinned beside
# it: go/bin, python/.venv, node/node_modules, java/target, az/.venv, graph/.venv,
# terraform/bin. A part whose pins have not changed since it was installed is skipped.
# Arguments name the parts; without, all of them, but azurerm only in CI: to build it takes
# fourteen minutes of processor time.
#
#   e2e/clients/install.sh [go] [python] [node] [java] [az] [graph] [terraform] [azurerm]
set -eu
cd "$(dirname "$0")"

# current STAMP FILE... : is STAMP the checksum of these files?
current() {
    stamp=$1
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | sha256sum)" ]
}

# stamp STAMP FILE... : remember the checksum of these files
stamp() {
    stamp=$1
    shift
    cat "$@" | sha256sum >"$stamp"
}

# have PROGRAM HOW : is it there? If not, one line says how to get it; in CI that is an error.
have() {
    command -v "$1" >/dev/null && return
    echo "install.sh: $1 is not installed ($2): its clients are skipped" >&2
    [ "${CI:-}" != true ] || exit 1
    return 1
}

install_go() {
    (cd go && GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -o bin/client .)
}

install_python() {
    current python/.venv/installed python/requirements.txt && return
    have python3 "apt install python3-venv" || return 0
    rm -rf python/.venv
    python3 -m venv python/.venv
    python/.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement python/requirements.txt
    stamp python/.venv/installed python/requirements.txt
}

install_node() {
    current node/node_modules/.installed node/package.json node/package-lock.json && return
    have npm "apt install nodejs npm" || return 0
    (cd node && npm ci --silent --no-audit --no-fund --ignore-scripts)
    stamp node/node_modules/.installed node/package.json node/package-lock.json
}

install_java() {
    current java/target/installed java/pom.xml java/src/main/java/*.java && return
    have mvn "apt install maven default-jdk-headless" || return 0
    (cd java && mvn -q -B compile dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=target/lib)
    stamp java/target/installed java/pom.xml java/src/main/java/*.java
}

# Compiling its thirteen thousand files would cost more than all the commands that need a few.
install_az() {
    current az/.venv/installed az/requirements.txt && return
    have python3 "apt install python3-venv" || return 0
    rm -rf az/.venv
    python3 -m venv az/.venv
    az/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement az/requirements.txt
    stamp az/.venv/installed az/requirements.txt
}

install_graph() {
    current graph/.venv/installed graph/requirements.txt && return
    have python3 "apt install python3-venv" || return 0
    rm -rf graph/.venv
    python3 -m venv graph/.venv
    graph/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement graph/requirements.txt
    stamp graph/.venv/installed graph/requirements.txt
}

# provider NAME PACKAGE FILE : build a program from its pinned module into terraform/bin
provider() {
    current "terraform/bin/$1.installed" "terraform/$1/go.mod" "terraform/$1/go.sum" && return
    mkdir -p terraform/bin
    (cd "terraform/$1" && GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "../bin/$3" "$2")
    stamp "terraform/bin/$1.installed" "terraform/$1/go.mod" "terraform/$1/go.sum"
}

# OpenTofu stands in where Terraform itself is not installed.
install_terraform() {
    command -v terraform >/dev/null || provider tofu github.com/opentofu/opentofu/cmd/tofu tofu
    provider azapi github.com/Azure/terraform-provider-azapi terraform-provider-azapi
}

install_azurerm() {
    install_terraform
    provider azurerm github.com/hashicorp/terraform-provider-azurerm terraform-provider-azurerm
}

if [ $# -eq 0 ]; then
    set -- go python node java az graph terraform # azurerm takes a quarter of an hour to build: make terraform
fi
for part in "$@"; do
    case $part in
    go | python | node | java | az | graph | terraform | azurerm) "install_$part" ;;
    *)
        echo "install.sh: no client program is written in '$part'" >&2
        exit 2
        ;;
    esac
done
