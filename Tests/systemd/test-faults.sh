#!/bin/bash
# Inside the sandbox, as root: what the service promises when the kernel, a hang or another user's files come in its way.
# scripts/systemd-tests calls it under with-systemd.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. Tests/systemd/common.sh
command -v cc >/dev/null || { echo "no cc" >&2; exit 77; }

install_package "$("$build/intray" --version)" WatchdogSec=5 TimeoutStopSec=3
cc -O0 -shared -fPIC -DNAME='"takes-memory"' -I Sources/CIntrayPlugin/include -I Tests/Fixtures/plugins \
  Tests/systemd/takes-memory.c -o /usr/lib/intray/plugins/libTakes-memory.so
# Not in the checkout, whose intray.yaml would count.
cd /
configure() { # KEY VALUE...
  while (($#)); do
    sed -i "s/^$1: .*/$1: $2/" /etc/intray/intray.yaml
    shift 2
  done
}
configure slots 2 settle 100ms backoff 200ms
useradd --groups intray bob
systemctl start intrayd || fail "does not start"

journal() { journalctl -u intrayd -o cat "$@"; }
said() { journal | grep -qF -- "$1"; } # TEXT
property() { systemctl show -P "$1" intrayd; }
worker() { grep -lxs intray:echo /proc/[0-9]*/comm | tr -dc "0-9\n" | tail -n 1; }
done_once() { # NAME ATTEMPTS: its result is whole, in one place, and was told once
  [[ $(cd "$outbox" && echo "$1"*) == "$1" && ! -e $state/rejected/$1 ]] || fail "$1 ended in more than one place"
  grep -q "\"attempts\" : $2,\?$" "$outbox/$1/manifest.json" || fail "$1: not $2 attempts"
  [[ $(journal MESSAGE_ID=cd20f683c1de413ebd74018d028325c6 | grep -c "^$1: ") == 1 ]] || fail "$1: not told once"
}
rejected_once() { # NAME TEXT: its files are kept, and the reason, which was told once, holds TEXT
  within 20 test -s "$state/rejected/$1/reason.txt"
  grep -qF -- "$2" "$state/rejected/$1/reason.txt" || fail "$1: $(head -n 1 "$state/rejected/$1/reason.txt")"
  [[ $(cd "$state/rejected" && echo "$1"*) == "$1" && ! -e $outbox/$1 ]] || fail "$1 ended in more than one place"
  within 5 eval "journal MESSAGE_ID=44f7d415ba514fcea9048da4345c634b | grep -q '^$1: '"
  [[ $(journal MESSAGE_ID=44f7d415ba514fcea9048da4345c634b | grep "^$1: ") == *"$2"* ]] || fail "$1: not told so"
  [[ $(journal MESSAGE_ID=44f7d415ba514fcea9048da4345c634b | grep -c "^$1: ") == 1 ]] || fail "$1: not told once"
}

step "the kernel kills a worker that takes too much memory, and nothing else comes to harm"
[[ $(property OOMPolicy) == continue ]] || fail "OOMPolicy"
systemctl set-property --runtime intrayd MemoryMax=300M
group=$(property ControlGroup)
# Version 2 of control groups, else version 1.
kills() { sed -n 's/^oom_kill //p' "/sys/fs/cgroup$group/memory.events" "/sys/fs/cgroup/memory$group/memory.oom_control"; }
if [[ $(kills 2>/dev/null) == 0 ]]; then
  pid=$(property MainPID)
  drop beside '{repeat: 50, delay_ms: 100}'
  within 20 saved
  [[ $(<"/proc/$(worker)/oom_score_adj") == 500 ]] || fail "a worker does not go before the daemon"
  runuser -u alice -- bash -euc '
    batch=$(mktemp -d)
    printf "run: takes-memory\n" >"$batch/greedy.yaml"
    intray submit "$batch/greedy.yaml"'
  rejected_once greedy "was killed (SIGKILL), perhaps by the out-of-memory killer"
  grep -q "It was tried 3 times" "$state/rejected/greedy/reason.txt" || fail "not tried again"
  [[ $(kills 2>/dev/null) == 3 ]] || fail "the kernel killed $(kills) processes"
  [[ $(journal MESSAGE_ID=053e2dab375f4f768c846fa8bc4d8f04 | grep -c "^greedy: .*out-of-memory") == 2 ]] ||
    fail "the failed attempts were not told"
  within 20 test -e "$outbox/beside/manifest.json"
  done_once beside 1
  [[ $(property MainPID) == "$pid" && $(property NRestarts) == 0 && $(property ActiveState) == active ]] ||
    fail "the daemon did not survive"
else
  echo "no memory controller of control groups here: not tried"
fi
systemctl set-property --runtime intrayd MemoryMax=

step "a daemon that hangs is restarted by the watchdog, and what ran goes on"
drop hung '{repeat: 50, delay_ms: 200}'
within 20 saved
systemctl kill --kill-whom=main --signal=STOP intrayd
within 30 eval '[[ $(property NRestarts) == 1 ]]'
said "Watchdog timeout" || fail "it was not the watchdog"
within 30 test -e "$outbox/hung/manifest.json"
grep -q 'going on from the checkpoint' "$outbox/hung/log.jsonl" || fail "it began afresh"
[[ $(wc -l <"$outbox/hung/input.csv") == 150 ]] || fail "the result is not whole"
done_once hung 2

step "a worker that hangs is killed, and its job goes on"
configure stall 2s
systemctl reload intrayd
drop stalled '{repeat: 20, delay_ms: 100}'
within 20 saved
kill -STOP "$(worker)"
within 20 said "stalled: attempt 1 failed: the worker said nothing for 2 s and was killed"
within 20 test -e "$outbox/stalled/manifest.json"
grep -q 'going on from the checkpoint' "$outbox/stalled/log.jsonl" || fail "it began afresh"
done_once stalled 2
configure stall 30m
systemctl reload intrayd

step "a stop waits for a worker that takes longer than TimeoutStopSec to save its state"
drop slow '{repeat: 20, delay_ms: 200}'
within 20 saved
pid=$(worker)
kill -STOP "$pid"
systemctl stop --no-block intrayd
# Twice the time that the unit gives.
sleep 6
[[ $(property ActiveState) == deactivating && -e /proc/$pid ]] || fail "it did not wait"
kill -CONT "$pid"
within 10 eval '[[ $(property ActiveState) == inactive ]]'
[[ $(property Result) == success ]] || fail "the stop was no success"
said "timed out" && fail "the stop timed out"
[[ ! -e $outbox/slow ]] || fail "the job was faster than the test"
systemctl start intrayd
within 20 test -e "$outbox/slow/manifest.json"
grep -q 'going on from the checkpoint' "$outbox/slow/log.jsonl" || fail "it began afresh"
done_once slow 2

step "files that are not the service's to read are refused or left, and nothing else waits for them"
as() { # USER CMD...: in the inbox
  runuser -u "$1" -- env --chdir="$state/inbox" "${@:2}"
}
spec() { # NAME FILE: after its file, as a careful person would
  as alice sh -c "printf 'run: echo\ndata: {input: %s}\n' '$2' >'$1.yaml'"
}
secret=$(head -n 1 /etc/shadow)
as alice sh -c 'printf "id\n1\n" >private.csv && chmod 600 private.csv'
spec private private.csv
as alice ln -s /etc/shadow link.csv
spec link link.csv
as alice ln -s /etc/shadow shadow.yaml
as alice mkfifo pipe.csv
spec pipe pipe.csv
as alice mkfifo fifo.yaml
as bob sh -c 'umask 007; printf "id\n1\n" >.bobs'
if [[ $(</proc/sys/fs/protected_hardlinks) == 1 ]]; then
  as alice ln /etc/shadow hard.csv 2>/dev/null && fail "the kernel lets her link to /etc/shadow"
fi
as alice sh -c 'ln .bobs .hard && mv .hard hard.csv'
spec hard hard.csv
# A folder that the service may not list, and one that it may read and not move.
as alice sh -c 'mkdir -m 700 closed && printf "id\n1\n" >closed/input.csv'
as alice sh -c 'printf "run: echo\ndata: {input: input.csv}\n" >closed/closed.yaml'
as alice sh -c 'cp -r closed /tmp/foreign && mv /tmp/foreign/closed.yaml /tmp/foreign/foreign.yaml && chmod 755 /tmp/foreign'
as alice mv /tmp/foreign foreign
# All of the batch becomes a part of the result.
as alice sh -c 'umask 007; mkdir .hidden && printf "id\n1\n" >.hidden/input.csv && printf x >.hidden/.key'
as alice sh -c 'printf "run: echo\ndata: {input: input.csv}\n" >.hidden/hidden.yaml && chmod 600 .hidden/.key'
as alice mv .hidden hidden
rejected_once private "private.csv: cannot open: Permission denied"
rejected_once link "link.csv: a symbolic link is not followed"
rejected_once shadow "shadow.yaml: a symbolic link is not followed"
rejected_once pipe "pipe.csv: neither a regular file nor a folder"
rejected_once fifo "fifo.yaml: neither a regular file nor a folder"
rejected_once hard "hard.csv: the file has 2 names (hard links)"
as bob rm .bobs
rejected_once hidden ".key: cannot open: Permission denied"
for name in closed foreign; do
  within 20 said "$name: cannot be taken from the inbox: $state/inbox/$name: cannot rename"
  [[ -e $state/inbox/$name/$name.yaml ]] || fail "$name is gone"
done
drop good '{repeat: 2}'
within 20 test -e "$outbox/good/manifest.json"
done_once good 1
[[ $(journal | grep -c ": cannot be taken from the inbox") == 2 ]] || fail "said again and again"
for name in private/input/private.csv link/input/link.csv shadow/input/shadow.yaml pipe/input/pipe.csv \
  fifo/input/fifo.yaml hard/input/hard.csv hidden/input/.key; do
  [[ -L $state/rejected/$name || -e $state/rejected/$name ]] || fail "lost: $name"
done
{ journal; grep -rs '' "$state/rejected"/*/{reason.txt,job.json} "$outbox"; } | grep -qF "$secret" &&
  fail "/etc/shadow was read"

step "they run once their owner lets the service have them"
as alice chmod 640 "$state/rejected/private/input/private.csv"
runuser -u alice -- intray retry private || fail "cannot retry"
within 20 test -e "$outbox/private/manifest.json"
as alice chmod 770 closed
as alice chgrp -R intray foreign
as alice chmod 770 foreign
for name in closed foreign; do within 20 test -e "$outbox/$name/manifest.json"; done

step "what the service may neither remove nor give back keeps it from nothing"
as alice chmod 500 "$outbox/good/input"
runuser -u alice -- intray purge good 2>/dev/null && fail "it removes what it may not"
systemctl stop intrayd
# As a kill between a claim and its record leaves it.
claim=$state/claims/0123456789abcdef
install -d -o intray -g intray -m 770 "$claim"
install -d -o alice -g intray -m 2770 "$claim/stray"
as alice sh -c "printf 'id\n1\n' >$claim/stray/input.csv"
as alice sh -c "printf 'run: echo\ndata: {input: input.csv}\n' >$claim/stray/stray.yaml"
as alice chmod 550 "$claim/stray"
systemctl start intrayd || fail "does not start"
drop after '{repeat: 1}'
within 20 test -e "$outbox/after/manifest.json"
said "$claim/stray: cannot rename to $state/inbox/stray: Permission denied" || fail "it does not say so"
as alice chmod 770 "$claim/stray" "$outbox"/.purging-*/input
within 20 test -e "$outbox/stray/manifest.json"
systemctl restart intrayd
runuser -u alice -- intray purge good || fail "cannot purge"
for folder in "$state"/{inbox,claims,work}; do [[ -z $(ls -A "$folder") ]] || fail "left in $folder: $(ls -A "$folder")"; done
compgen -G "$outbox/.*-*" && fail "left in $outbox"
runuser -u intray -- intray fsck || fail "store and disk disagree"
