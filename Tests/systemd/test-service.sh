#!/bin/bash
# The service under a real systemd: ready, a batch by a member of group intray, the journal's fields, reload, stop.
# Run by scripts/systemd-tests inside Tests/systemd/with-systemd.sh. Products: $INTRAY_PRODUCTS or .build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."
products=${INTRAY_PRODUCTS:-.build/release}
[[ ${WITH_SYSTEMD-} ]] || { echo "run it by Tests/systemd/with-systemd.sh"; exit 77; }
[[ -x $products/intrayd ]] || { echo "no $products/intrayd: build first"; exit 77; }

fail() {
  echo "FAILED: $*" >&2
  systemctl status --no-pager intrayd >&2 || true
  journalctl --no-pager -u intrayd >&2 || true
  exit 1
}
# Waits for a command to succeed, at most half a minute.
wait_for() {
  local end=$((SECONDS + 30))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "not in time: $*"
    sleep 0.05
  done
}

# ------------------------------------------------------------------------------------------------------- install
install -m 755 "$products/intrayd" "$products/intray-worker" "$products/intray" /usr/bin/
install -D -m 644 "$products/libEcho.so" /usr/lib/intray/plugins/libEcho.so
install -D -m 644 systemd/intray.yaml /etc/intray/intray.yaml
install -m 644 systemd/intrayd.service /etc/systemd/system/
systemd-sysusers "$PWD/systemd/intray.sysusers.conf"
systemd-tmpfiles --create "$PWD/systemd/intray.tmpfiles.conf"
useradd --groups intray dropper
systemctl daemon-reload

# The service must have READY=1 sent, or this waits and fails.
systemctl start intrayd || fail "the start"
[[ $(systemctl show --value -p StatusText intrayd) == idle ]] || fail "the status is not 'idle'"

# ---------------------------------------------------------------------------------------------------------- drop
inbox=/var/spool/intray/inbox outbox=/var/spool/intray/outbox
runuser -u dropper -- bash -c "
  printf 'id\n1\n' >$inbox/papers.csv
  printf 'run: echo\ndata: {input: papers.csv}\n' >$inbox/papers.yaml"
wait_for test -f $outbox/papers/manifest.json
wait_for bash -c "intray status --config /etc/intray/intray.yaml --json | grep -q '\"done\"'"
runuser -u dropper -- cat $outbox/papers/papers.csv >/dev/null || fail "a member of the group cannot read the result"

# ------------------------------------------------------------------------------------------------------- journal
job=$(sed -n 's/.*"job" : "\([0-9a-f]*\)".*/\1/p' $outbox/papers/manifest.json)
[[ ${#job} == 16 ]] || fail "no job in the manifest"
journalctl --sync
entries() { journalctl --no-pager -q -u intrayd -o json "$@"; }
# queued, started, done: each once, with its fields.
for id in 0659be68f2da4790b4af6003c5758a9b 31b5ebac339e4315acea2c547efc2b11 cd20f683c1de413ebd74018d028325c6; do
  [[ $(entries "INTRAY_JOB=$job" "MESSAGE_ID=$id" | wc -l) == 1 ]] || fail "MESSAGE_ID=$id is not there once"
done
done_entry=$(entries "INTRAY_JOB=$job" MESSAGE_ID=cd20f683c1de413ebd74018d028325c6)
for field in '"INTRAY_RUNNER":"echo"' '"INTRAY_STEP":"publish"' '"SYSLOG_IDENTIFIER":"intrayd"' '"PRIORITY":"5"'; do
  [[ $done_entry == *"$field"* ]] || fail "the entry of the end has no $field: $done_entry"
done

# --------------------------------------------------------------------------------------------- rejected, reload
runuser -u dropper -- bash -c "printf 'run: ecko\n' >$inbox/bad.yaml"
wait_for test -f /var/lib/intray/rejected/bad/reason.txt
wait_for bash -c "journalctl -q -u intrayd MESSAGE_ID=44f7d415ba514fcea9048da4345c634b | grep -q \"unknown runner 'ecko'\""
printf '%s\n' "routes: [{match: 'new-*.csv', spec: {run: echo}}]" >>/etc/intray/intray.yaml
sed -i 's/^routes: \[\]$//' /etc/intray/intray.yaml
systemctl kill --kill-whom=main -s HUP intrayd
runuser -u dropper -- bash -c "printf 'id\n1\n' >$inbox/new-1.csv"
wait_for test -f $outbox/new-1/manifest.json

# ---------------------------------------------------------------------------------------------------------- stop
runuser -u dropper -- bash -c "
  printf 'id\n1\n' >$inbox/long.csv
  printf 'run: echo\ndata: {input: long.csv}\nwith: {repeat: 40, delay_ms: 100}\n' >$inbox/long.yaml"
wait_for bash -c "systemctl show --value -p StatusText intrayd | grep -q '^long [1-9]'"
systemctl stop intrayd || fail "the stop"
[[ $(systemctl show --value -p Result intrayd) == success ]] || fail "the stop was no success"
[[ $(systemctl show --value -p ExecMainStatus intrayd) == 0 ]] || fail "the exit status is not 0"
[[ -z $(ls -d $outbox/long 2>/dev/null) ]] || fail "the long job was too short"
systemctl start intrayd || fail "the second start"
wait_for test -f $outbox/long/manifest.json
grep -q 'going on from the checkpoint' $outbox/long/log.jsonl || fail "the job did not go on where it was"
[[ $(ls /var/lib/intray/work /var/lib/intray/claims | grep -c '[0-9a-f]\{16\}') == 0 ]] || fail "something is left"

# A daemon that is killed is back by itself, and is watched by systemd.
systemctl kill --kill-whom=main -s KILL intrayd
wait_for bash -c "systemctl show --value -p NRestarts intrayd | grep -qx 1 && systemctl is-active intrayd"
[[ $(systemctl show --value -p WatchdogUSec intrayd) != 0 ]] || fail "no watchdog"
echo "the service works"
