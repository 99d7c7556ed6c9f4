#!/bin/bash
# Inside the sandbox, as root: the service as it is installed. scripts/systemd-tests calls it under with-systemd.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=.build/release
[[ ${WITH_SYSTEMD-} ]] || { echo "only under with-systemd.sh" >&2; exit 77; }
command -v useradd systemd-sysusers >/dev/null || { echo "no useradd or systemd-sysusers" >&2; exit 77; }

step() { echo "== $*"; }
fail() {
  echo "FAILED: $*"
  systemctl status --no-pager intrayd || true
  journalctl --no-pager -u intrayd -n 50 || true
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

step "install"
install -D -t /usr/lib/intray "$build"/{intrayd,intray,intray-worker}
install -D -t /usr/lib/intray/plugins "$build/libEcho.so"
# The toolchain may lie where the service may not look; the programs search beside themselves first ($ORIGIN).
ldd "$build/intrayd" | awk '$3 ~ /\/swift\// { print $3 }' | xargs -r install -t /usr/lib/intray
ln -s /usr/lib/intray/{intrayd,intray} /usr/bin/
install -D -m 644 systemd/intrayd.service -t /usr/lib/systemd/system
install -D -m 644 systemd/intray.yaml -t /etc/intray
install -D -m 644 systemd/intray.sysusers.conf /usr/lib/sysusers.d/intray.conf
install -D -m 644 systemd/intray.tmpfiles.conf /usr/lib/tmpfiles.d/intray.conf
systemd-sysusers
systemd-tmpfiles --create /usr/lib/tmpfiles.d/intray.conf
useradd --create-home --groups intray alice
# A fault that the test makes need not wait as long as a real one.
mkdir -p /etc/systemd/system/intrayd.service.d
printf '[Service]\nRestartSec=100ms\n' >/etc/systemd/system/intrayd.service.d/test.conf
systemctl daemon-reload

step "the unit has no fault"
said=$(systemd-analyze verify /usr/lib/systemd/system/intrayd.service 2>&1 | grep intray || true)
[[ -z $said ]] || fail "systemd-analyze verify: $said"

step "start: it tells when it is ready"
systemctl start intrayd || fail "does not start"
[[ $(systemctl show -P ActiveState intrayd) == active ]] || fail "not active"
[[ $(systemctl show -P StatusText intrayd) ]] || fail "no status text"
[[ $(systemctl show -P User intrayd) == intray ]] || fail "runs as the wrong user"

drop() { # NAME WITH: alice drops a batch as a folder
  runuser -u alice -- bash -euc '
    batch=$(mktemp -d)
    printf "id,text\n1,one\n2,two\n" >"$batch/input.csv"
    printf "run: echo\ndata: {input: input.csv}\nwith: %s\n" "$2" >"$batch/$1.yaml"
    intray submit "$batch/$1.yaml"' - "$1" "$2"
}
saved() { grep -q echo /var/lib/intray/work/*/checkpoint/echo.checkpoint; }
outbox=/var/spool/intray/outbox
# Not in the checkout, whose intray.yaml would count.
cd /

step "a member of the group drops a batch and reads the result"
drop first '{repeat: 2}' || fail "cannot drop"
within 20 test -e "$outbox/first/manifest.json"
runuser -u alice -- cat "$outbox/first/input.csv" >/dev/null || fail "the result cannot be read"
runuser -u alice -- intray status first >/dev/null || fail "the status cannot be read"

step "the journal tells the job's story by its fields"
job=$(runuser -u alice -- intray status first --json | sed -n 's/^  "id" : "\(.*\)",$/\1/p')
[[ $job ]] || fail "no job id"
[[ $(journalctl -u intrayd INTRAY_JOB="$job" INTRAY_RUNNER=echo -o cat | wc -l) -ge 3 ]] || fail "fields are missing"
journalctl INTRAY_JOB="$job" MESSAGE_ID=cd20f683c1de413ebd74018d028325c6 -o cat | grep -q done || fail "no outcome"

step "what cannot run is kept"
drop bad '{fail: permanent}' || fail "cannot drop"
within 20 test -s /var/lib/intray/rejected/bad/reason.txt

step "a stop saves the state of what runs, and a start goes on"
drop slow '{repeat: 20, delay_ms: 200}'
within 20 saved
systemctl stop intrayd || fail "does not stop"
[[ $(systemctl show -P Result intrayd) == success ]] || fail "the stop was no success"
[[ ! -e $outbox/slow ]] || fail "the job was faster than the test"
systemctl start intrayd
within 30 test -e "$outbox/slow/manifest.json"
grep -q 'going on from the checkpoint' "$outbox/slow/log.jsonl" || fail "it began afresh"

step "a killed daemon comes back and loses nothing"
drop killed '{repeat: 20, delay_ms: 200}'
within 20 saved
systemctl kill --kill-whom=main --signal=KILL intrayd
within 30 test -e "$outbox/killed/manifest.json"
[[ $(wc -l <"$outbox/killed/input.csv") == 60 ]] || fail "the result is not whole"
[[ $(systemctl show -P NRestarts intrayd) -ge 1 ]] || fail "it was not restarted"

step "a reload reads the configuration again"
systemctl reload intrayd || fail "does not reload"
within 10 eval 'journalctl -u intrayd -o cat | grep -q "the configuration is read again"'
echo 'slotts: 2' >>/etc/intray/intray.yaml
systemctl reload intrayd 2>/dev/null && fail "a reload of a configuration with a fault succeeds"
[[ $(systemctl show -P ActiveState intrayd) == active ]] || fail "not active after the reload"

step "exposure: $(systemd-analyze security intrayd --no-pager 2>/dev/null | tail -n 1)"
