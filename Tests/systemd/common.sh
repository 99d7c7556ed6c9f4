# What the tests in the sandbox have in common. Sourced by them, in the checkout; shellcheck shell=bash
[[ ${WITH_SYSTEMD-} ]] || { echo "only under with-systemd.sh" >&2; exit 77; }
command -v useradd systemd-sysusers >/dev/null || { echo "no useradd or systemd-sysusers" >&2; exit 77; }
checkout=$PWD
build=.build/release
state=/var/lib/intray
outbox=$state/outbox

step() { echo "== $*"; }
fail() {
  echo "FAILED: $*"
  systemctl status --no-pager intrayd || true
  journalctl --no-pager -u intrayd -u "intray-retrain@*" -n 50 || true
  exit 1
}
within() { # SECONDS CMD...: until CMD succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "not in time: $*"
    sleep 0.1
  done
}

install_package() { # VERSION [SETTING...]: and a drop-in of the service with these settings
  package=$checkout/dist/intray_$1_$(dpkg --print-architecture).deb
  shift
  dpkg --install "$package" || fail "dpkg"
  useradd --create-home --groups intray alice
  # A fault that the test makes need not wait as long as a real one.
  mkdir -p /etc/systemd/system/intrayd.service.d
  printf '%s\n' '[Service]' RestartSec=100ms "$@" >/etc/systemd/system/intrayd.service.d/test.conf
  systemctl daemon-reload
}

drop() { # NAME WITH: alice drops a batch as a folder
  runuser -u alice -- bash -euc '
    batch=$(mktemp -d)
    printf "id,text\n1,one\n2,two\n" >"$batch/input.csv"
    printf "run: echo\ndata: {input: input.csv}\nwith: %s\n" "$2" >"$batch/$1.yaml"
    intray submit "$batch/$1.yaml"' - "$1" "$2"
}
saved() { grep -q echo "$state"/work/*/checkpoint/echo.checkpoint; }
