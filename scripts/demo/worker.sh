#!/bin/sh
# A worker in POSIX sh with nc, or with the agentd command where nc is missing. Its name is in WORKER, the path of
# agentd in AGENTD, its task's id comes on standard input.
#
# Takes nodes until the task has ended. A node with a `file` is an edit: under a lock of the file, proved by the node's
# `check`, and committed under a lock of the git index. A node without one only runs its `check` and reports.
set -eu
heartbeat_secs=0.5
seen=0
# The leases to keep alive, a line each: METHOD PARAMS.
kept=$(mktemp)

# OpenBSD's nc needs -N to half-close after its input; others do it unasked.
if nc -h 2>&1 | grep -q 'nc \[-[A-Za-z0-9]*N'; then half_close=-N; else half_close=; fi

call() { # METHOD PARAMS: prints the result; a refusal ends the caller with its message
  if [ "${AGENTD_CLIENT:-nc}" = nc ]; then
    answer=$(printf '{"id":1,"method":"%s","params":%s}\n' "$1" "$2" | nc $half_close -U "$AGENTD_SOCKET_PATH")
    case $answer in
    *'"error":{"code"'* | '') echo "$WORKER: $1: $answer" >&2 && return 1 ;;
    esac
    answer=${answer#*'"result":'}
    printf '%s\n' "${answer%\}}"
  else
    "$AGENTD" --socket "$AGENTD_SOCKET_PATH" --json call "$1" "$2"
  fi
}

field() { # JSON NAME: the first string of that name
  value=${1#*\""$2"\":\"}
  printf '%s' "${value%%\"*}"
}

await_news() { # returns when the task's journal holds something we have not seen
  news=$(call ListEvents "{\"task_id\":\"$task\",\"after_seq\":$seen,\"limit\":1000,\"wait_ms\":1000}")
  seen=$(printf '%s' "${news##*\"next_after_seq\":}" | sed 's/[^0-9].*//')
}

lock() { # KEY: waits for the key, puts its lease into $lease
  wanted="{\"resource_key\":\"$1\",\"owner\":\"$WORKER\",\"provider\":\"sh\",\"task_id\":\"$task\",\"node_id\":\"$node\"}"
  while :; do
    lease=$(call AcquireResourceLock "$wanted")
    case $lease in null*) await_news ;; *) break ;; esac
  done
  lease=$(field "$lease" lease_id)
  printf 'HeartbeatResourceLock {"resource_key":"%s","lease_id":"%s"}\n' "$1" "$lease" >>"$kept"
}

unlock() { # KEY LEASE
  drop "$2"
  call ReleaseResourceLock "{\"resource_key\":\"$1\",\"lease_id\":\"$2\"}" >/dev/null
}

journal() { # ACTION TEXT
  call CommitEvent "{$held,\"action_type\":\"$1\",\"payload\":{\"worker\":\"$WORKER\",\"text\":\"$2\"}}" >/dev/null
}

drop() { # LEASE: keeps it alive no longer
  rest=$(grep -v "$1" "$kept" || true)
  printf '%s\n' "$rest" >"$kept"
}

beat() { # ends with the worker. A lease may have ended meanwhile; when one was lost, the work itself is refused
  while sleep $heartbeat_secs && kill -0 $$ 2>/dev/null; do
    while read -r method params; do
      [ -z "$method" ] || call "$method" "$params" >/dev/null 2>&1 || true
    done <"$kept"
  done
}

literal() { # TEXT: as a pattern of sed that matches just that
  printf '%s' "$1" | sed 's/[][\.*^$|]/\\&/g'
}

replacement() { # TEXT: as sed writes it unchanged
  printf '%s' "$1" | sed 's/[\&|]/\\&/g'
}

put() { # FILE: replaces it by standard input in one step, as another worker's test may be reading it
  cat >"$1.$WORKER" && mv "$1.$WORKER" "$1"
}

edit() { # JOB: puts the node's result into $result
  file=$(field "$1" file)
  title=$(field "$1" title)
  check=$(field "$1" check)
  lock "file:$file"
  file_lease=$lease
  # From the last commit, not from the working tree: a worker that died may have left half an edit there.
  if git show "HEAD:$file" | grep -qF -- "$(field "$1" find)"; then
    git show "HEAD:$file" | sed "s|$(literal "$(field "$1" find)")|$(replacement "$(field "$1" replace)")|" | put "$file"
    journal progress "edited $file"
    sh -c "$check" >/dev/null 2>&1
    journal progress "$check passes"
    commit "$file" "$title"
    result="{\"worker\":\"$WORKER\",\"file\":\"$file\",\"commit\":\"$(git rev-parse --short HEAD)\"}"
  else
    result="{\"worker\":\"$WORKER\",\"file\":\"$file\",\"note\":\"an earlier attempt had committed this already\"}"
  fi
  unlock "file:$file" "$file_lease"
}

commit() { # FILE TITLE
  lock file:CHANGELOG.md
  changes_lease=$lease
  lock tool:git-index
  index_lease=$lease
  { git show HEAD:CHANGELOG.md && printf -- '- %s\n' "$2"; } | put CHANGELOG.md
  # We hold the index: a lock file that is left is of a worker that died.
  rm -f .git/index.lock
  git commit --quiet --author="$WORKER <$WORKER@localhost>" -m "$2" -- "$1" CHANGELOG.md
  unlock tool:git-index "$index_lease"
  unlock file:CHANGELOG.md "$changes_lease"
}

work() { # what AcquireNextNode answered
  node=$(field "$1" node_id)
  node_lease=$(field "$1" lease_id)
  held="\"task_id\":\"$task\",\"node_id\":\"$node\",\"lease_id\":\"$node_lease\""
  job=${1#*\"payload_schema\":}
  job=${job%%\}*}
  echo "HeartbeatNode {$held}" >>"$kept"
  journal intent "$(field "$job" title)"
  sleep "$(field "$job" think)"
  case $job in
  *'"file":'*) edit "$job" ;;
  *) if sh -c "$(field "$job" check)" >/dev/null 2>&1; then passes=true; else passes=false; fi
    result="{\"worker\":\"$WORKER\",\"passes\":$passes}" ;;
  esac
  drop "$node_lease"
  call CompleteNode "{$held,\"result_payload\":$result}" >/dev/null
}

beat &
heart=$!
trap 'kill $heart; rm -f "$kept"' EXIT
echo ready
read -r task
while :; do
  next=$(call AcquireNextNode "{\"task_id\":\"$task\",\"lease_owner\":\"$WORKER\"}")
  case $next in
  null*) ;;
  *) work "$next"; continue ;;
  esac
  case $(call TaskStatus "{\"task_id\":\"$task\"}") in
  *'"state":"ACTIVE"'*) await_news ;;
  *) exit 0 ;;
  esac
done
