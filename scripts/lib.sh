# Sourced by the scripts beside it. Sets root and venv; `prepare [--newest|--lowest] GROUP...` makes
# that environment ready.
# shellcheck shell=bash

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv

find_python() {
    local candidates=(python3 python3.13 python3.12 python3.11) candidate version found=""
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        version=$("$candidate" --version 2>/dev/null) || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v -- "$candidate"
            return
        fi
        found+="${found:+, }$candidate is $version"
    done
    cat >&2 <<MESSAGE
quintet: Python 3.11 or newer is needed, and was not found (${found:-nothing at ${candidates[*]}})
  Debian 12, Ubuntu 24.04 and newer: apt-get install python3 python3-venv
  Installed elsewhere: PYTHON=/path/to/python3.11 $0
MESSAGE
    return 2
}

prepare() {
    local python
    case ${1:-} in
        --newest | --lowest) venv=$root/.venv-${1#--} ;;
    esac
    python=$(find_python) || exit
    "$python" -I "$root/scripts/environment.py" "$@" || exit
}
