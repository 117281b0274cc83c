#!/bin/sh
# A client as a shell user of the original daemon wrote it: POSIX sh, one `nc -U` per request, sed and case.
#
# Reads the socket's path from AGENTD_SOCKET_PATH, walks through the original's whole flow, checks every answer and
# prints one JSON line. Ends with 1 and a message at the first answer that is not what the original gave.
set -eu
checks=0

# OpenBSD's nc needs -N to half-close after its input; others do it unasked.
if nc -h 2>&1 | grep -q 'nc \[-[A-Za-z0-9]*N'; then half_close=-N; else half_close=; fi

send() { # LINES, as they are
  printf '%s' "$1" | nc $half_close -U "$AGENTD_SOCKET_PATH"
}

request() { # METHOD PARAMS: puts the line that came back into $answer
  answer=$(send "{\"id\":\"$1\",\"method\":\"$1\",\"params\":$2}
")
  has "\"id\":\"$1\""
}

call() { # METHOD PARAMS
  request "$1" "$2"
  has '"result":'
  lacks '"error":{'
}

refused() { # CODE METHOD PARAMS
  request "$2" "$3"
  has "\"code\":$1"
  has '"message":"'
  lacks '"result":'
}

fail() {
  echo "shell client: $1 in: $answer" >&2
  exit 1
}

has() {
  checks=$((checks + 1))
  case $answer in *"$1"*) ;; *) fail "missing $1" ;; esac
}

lacks() {
  checks=$((checks + 1))
  case $answer in *"$1"*) fail "unexpected $1" ;; esac
}

equals() { # what is there, what should be
  checks=$((checks + 1))
  [ "$1" = "$2" ] || fail "expected $2, got $1"
}

field() { # NAME: the first string of that name
  value=${answer#*\""$1"\":\"}
  printf '%s' "${value%%\"*}"
}

uuid() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | sed 's/^\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/'
}

call DescribeInterface '{}'
has '"protocol":"agentd-jsonl-v1"'
has '"transport":"unix-domain-socket"'
has '"node_statuses":["PENDING","RUNNING","COMPLETED","FAILED"]'
for method in RegisterTask AcquireNextNode CommitEvent HeartbeatNode CompleteNode FailNode TaskStatus \
  AcquireResourceLock HeartbeatResourceLock ReleaseResourceLock ListResourceLocks; do
  has "\"method\":\"$method\""
done

first=$(uuid)
second=$(uuid)
call RegisterTask "{\"goal\":\"check\",\"initial_nodes\":[{\"id\":\"$first\"},{\"id\":\"$second\",\"dependencies\":[\"$first\"]}]}"
task=$(field task_id)

call AcquireNextNode "{\"task_id\":\"$task\",\"lease_owner\":\"sh-1\"}"
equals "$(field node_id)" "$first"
has '"status":"RUNNING"'
has '"lease_owner":"sh-1"'
has '"completed_dependencies":[]'
has '"event_journal":[]'
lease=$(field lease_id)
held="\"task_id\":\"$task\",\"node_id\":\"$first\",\"lease_id\":\"$lease\""
request AcquireNextNode "{\"task_id\":\"$task\"}"
has '"result":null'

call HeartbeatNode "{$held}"
has '"ok":true'
call CommitEvent "{$held,\"action_type\":\"intent\",\"payload\":{\"file\":\"a b.txt\"}}"
has '"event_id":"'
call CommitEvent "{$held,\"event_payload\":{\"old\":true}}"
has '"event_id":"'
call CompleteNode "{$held,\"result_payload\":{\"lines\":3}}"
has '"event_id":"'
refused -32000 CompleteNode "{$held,\"result_payload\":{}}"

call AcquireNextNode "{\"task_id\":\"$task\",\"lease_owner\":\"sh-2\"}"
equals "$(field node_id)" "$second"
has "\"completed_dependencies\":[{\"node_id\":\"$first\",\"result_payload\":{\"lines\":3}}]"
has '"action_type":"intent","payload":{"file":"a b.txt"}'
has '"action_type":"COMMIT_EVENT","payload":{"old":true}'
has '"action_type":"COMPLETE_NODE","payload":{"result":{"lines":3}}'
current=$(field lease_id)
refused -32000 HeartbeatNode "{\"task_id\":\"$task\",\"node_id\":\"$second\",\"lease_id\":\"$lease\"}"
call FailNode "{\"task_id\":\"$task\",\"node_id\":\"$second\",\"lease_id\":\"$current\",\"error_payload\":{\"exit\":2}}"
has '"event_id":"'

for method in TaskStatus GetTaskStatus task_status get_task_status; do
  call "$method" "{\"task_id\":\"$task\"}"
  has '"COMPLETED":1'
  has '"FAILED":1'
  lacks '"PENDING":'
  has '"result_payload":{"exit":2}'
  lacks '"lease_id":"'
done

key="file:src/$(uuid).sh"
call AcquireResourceLock "{\"resource_key\":\"$key\",\"owner\":\"sh-1\",\"ttl_secs\":30}"
has "\"resource_key\":\"$key\""
has '"owner":"sh-1"'
has '"provider":null'
held="\"resource_key\":\"$key\",\"lease_id\":\"$(field lease_id)\""
request AcquireResourceLock "{\"resource_key\":\"$key\",\"owner\":\"sh-1\"}"
has '"result":null'
call HeartbeatResourceLock "{$held}"
has '"ok":true'
call ListResourceLocks '{}'
has "\"resource_key\":\"$key\""
call ReleaseResourceLock "{$held}"
has '"ok":true'
call ListResourceLocks '{}'
lacks "\"resource_key\":\"$key\""
refused -32000 ReleaseResourceLock "{$held}"

refused -32601 Nonsense '{}'
has 'unknown method: Nonsense'
refused -32602 TaskStatus '{"task_id":7}'
has 'task_id'
answer=$(send 'not JSON
')
has '"code":-32700'
lacks '"id":'

# Several lines through one half-closed connection, the last without its newline.
answer=$(send '{"id":1,"method":"Health"}
{"id":2,"method":"Nonsense"}
{"id":3,"method":"Metrics"}')
equals "$(printf '%s\n' "$answer" | sed 's/.*"id":\([0-9]*\).*/\1/' | tr '\n' ' ')" '1 2 3 '

printf '{"client":"shell","ok":true,"checks":%d}\n' "$checks"
