#!/bin/bash
# Inside the sandbox, as root: the service as it is installed. scripts/systemd-tests calls it under with-systemd.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. Tests/systemd/common.sh

installed=$(mktemp -d)
step "make install into a folder of its own"
make --no-print-directory install DESTDIR="$installed" PREFIX=/usr/local || fail "make install"
toolchain=$(readelf -d "$build/intrayd" | sed -n 's/.*(RUNPATH).*\[\(.*\)\]/\1/p' | tr : '\n' | grep -v ORIGIN)
# From here on there is no Swift on this machine but what was installed.
while read -r folder; do mount -t tmpfs tmpfs "$folder"; done <<<"$toolchain"
missing=$(env -i /bin/sh -c 'ldd "$@"' - "$installed"/usr/local/lib/intray/{intrayd,intray,intray-worker,plugins/*.so} |
  grep 'not found' || true)
[[ -z $missing ]] || fail "libraries are missing: $missing"
version=$(env -i "$installed/usr/local/bin/intray" --version) || fail "it does not run"
[[ $version == $(env -i "$installed/usr/local/bin/intrayd" --version) ]] || fail "two versions"
printf 'plugins: %s\n' "$installed/usr/local/lib/intray/plugins" >"$installed/intray.yaml"
listed=$(env -i "$installed/usr/local/bin/intray" plugins --config "$installed/intray.yaml" --json)
for runner in "$installed"/usr/local/lib/intray/plugins/*.so; do
  grep -qF "\"path\" : \"$runner\"" <<<"$listed" || fail "does not load: $runner"
done
grep -q '^ExecStart=/usr/local/bin/intrayd' "$installed/usr/local/lib/systemd/system/intrayd.service" || fail "paths"
if command -v man >/dev/null; then
  for page in "$installed"/usr/local/share/man/man?/*; do
    said=$(LC_ALL=C.UTF-8 man --warnings=all --local-file "$page" 2>&1 >/dev/null)
    [[ -z $said ]] || fail "$page: $said"
  done
fi

step "install the package"
install_package "$version"

step "the units have no fault"
units=(intrayd.service intray-retrain@again.service intray-retrain@again.timer)
said=$(systemd-analyze verify "${units[@]}" 2>&1)
[[ -z $said ]] || fail "systemd-analyze verify: $said"
for unit in intrayd.service intray-retrain@again.service; do
  # The threshold is in tenths: an exposure of at most 1.0.
  said=$(systemd-analyze security --no-pager --threshold=10 "$unit" 2>/dev/null) || fail "exposed: $said"
  echo "${said##*$'\n'}"
done

step "start: it tells when it is ready"
systemctl enable --now intrayd || fail "does not start"
[[ $(systemctl show -P ActiveState intrayd) == active ]] || fail "not active"
[[ $(systemctl show -P StatusText intrayd) ]] || fail "no status text"
[[ $(systemctl show -P User intrayd) == intray ]] || fail "runs as the wrong user"

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
journalctl INTRAY_JOB="$job" --catalog | grep -q "The result of job $job is in the outbox" || fail "not explained"
catalog=$(journalctl --list-catalog)
for id in $(grep -oE '"[0-9a-f]{32}"' "$checkout/Sources/Service/Outcome.swift" | tr -d '"'); do
  grep -q "$id Intray:" <<<"$catalog" || fail "the catalog does not know $id"
done

step "what cannot run is kept"
drop bad '{fail: permanent}' || fail "cannot drop"
within 20 test -s "$state"/rejected/bad/reason.txt

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
sed -i '/slotts/d' /etc/intray/intray.yaml

step "the service can write its own folder and nothing else"
pid=$(systemctl show -P MainPID intrayd)
[[ $(readlink "/proc/$pid/ns/user") != $(readlink /proc/1/ns/user) ]] || fail "no users of its own"
for folder in /etc/intray /usr/lib/intray /var/lib /var/spool /srv; do
  said=$(nsenter --mount --target "$pid" touch "$folder/written" 2>&1) && fail "$folder can be written"
  [[ $said == *Read-only* ]] || fail "$folder: $said"
done
grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" || fail "no filter of system calls"

step "a kept batch is dropped as a copy, and answered when nothing has changed"
kept=/etc/intray/retrain/again
mkdir "$kept"
printf 'id,text\n1,one\n' >"$kept/input.csv"
printf 'run: echo\ndata: {input: input.csv}\n' >"$kept/again.yaml"
systemctl start intray-retrain@again.service || fail "cannot drop a kept batch"
within 20 test -e "$outbox/again/manifest.json"
[[ -s $kept/input.csv && -s $kept/again.yaml ]] || fail "the kept batch is gone"
systemctl start intray-retrain@again.service || fail "cannot drop it again"
within 20 eval 'journalctl MESSAGE_ID=e4ce53488971405aa92508d0c9146ff8 -o cat | grep -q "again: the same job"'
systemctl start intray-retrain@none.service 2>/dev/null && fail "what is not there was dropped"
journalctl -u intray-retrain@none -o cat | grep -q '/etc/intray/retrain/none/none.yaml' || fail "it does not say what"
systemctl enable --now intray-retrain@again.timer
systemctl list-timers --no-pager | grep -q 'intray-retrain@again.timer *intray-retrain@again.service' || fail "no timer"
[[ $(systemctl show -P Persistent intray-retrain@again.timer) == yes ]] || fail "the timer forgets"

if [[ -e $checkout/.intray/models/all-MiniLM-L6-v2 ]]; then
  step "a model is trained and published under all restrictions"
  cp -rL "$checkout/.intray/models/all-MiniLM-L6-v2" "$checkout/Inbox/examples/train.csv" /tmp/
  chmod -R a+rX /tmp/all-MiniLM-L6-v2 /tmp/train.csv
  runuser -u intray -- intray models add /tmp/all-MiniLM-L6-v2 || fail "cannot add a model"
  runuser -u alice -- bash -euc '
    batch=$(mktemp -d)
    head -n 60 /tmp/train.csv >"$batch/train.csv"
    columns="{id: paperid, text: [title, abstract], label: categories}"
    printf "run: finetune\ndata: {train: train.csv, columns: %s}\nwith: {model: %s, epochs: 1}\npublish: %s\n" \
      "$columns" all-MiniLM-L6-v2 trained >"$batch/trained.yaml"
    intray submit --wait "$batch/trained.yaml"' || fail "not trained"
  runuser -u alice -- intray models | grep -q trained || fail "not published"
else
  echo "no model in .intray/models, so nothing is trained here: make models"
fi

step "an upgrade restarts the service, and keeps configuration and jobs"
drop upgraded '{repeat: 20, delay_ms: 200}'
within 20 saved
sed -i 's/^slots: .*/slots: 2/' /etc/intray/intray.yaml
before=$(systemctl show -P MainPID intrayd)
dpkg --install "$package" || fail "dpkg"
[[ $(systemctl show -P MainPID intrayd) != "$before" ]] || fail "not restarted"
grep -q '^slots: 2' /etc/intray/intray.yaml || fail "the configuration was replaced"
within 30 test -e "$outbox/upgraded/manifest.json"

step "a purge stops it, removes the configuration, and keeps what people made"
said=$(dpkg --purge intray 2>&1) || fail "dpkg: $said"
[[ $said == *"kept in /var/lib/intray"* ]] || fail "it does not say what is kept: $said"
[[ ! -e /etc/intray/intray.yaml && ! -e /usr/lib/intray && -s $outbox/first/manifest.json ]] || fail "not so"
[[ $(systemctl is-active intrayd) != active ]] || fail "still running"
