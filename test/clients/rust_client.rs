//! A client as a Rust user of the original daemon wrote it: the standard library only, one file for `rustc`.
//!
//! Reads the socket's path from AGENTD_SOCKET_PATH, walks through the original's whole flow, checks every answer and
//! prints one JSON line. Ends with 101 and a message at the first answer that is not what the original gave.
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static CHECKS: AtomicU32 = AtomicU32::new(0);

macro_rules! check {
    ($truth:expr, $($what:tt)+) => {{
        CHECKS.fetch_add(1, Ordering::Relaxed);
        if !$truth { panic!("rust client: {}", format!($($what)+)); }
    }};
}

/// What JSON can hold. Numbers keep their text: this client needs to compare and to recognise integers only.
#[derive(Clone, Debug, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

const NULL: Json = Json::Null;

impl Json {
    fn parse(line: &str) -> Json {
        let mut parser = Parser { rest: line };
        let value = parser.value();
        check!(parser.rest.trim().is_empty(), "one value a line: {line}");
        value
    }

    fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(members) => members.iter().find(|(name, _)| name == key).map_or(&NULL, |(_, value)| value),
            _ => &NULL,
        }
    }

    fn at(&self, path: &[&str]) -> &Json {
        path.iter().fold(self, |value, key| value.get(key))
    }

    fn has(&self, key: &str) -> bool {
        matches!(self, Json::Object(members) if members.iter().any(|(name, _)| name == key))
    }

    fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            other => panic!("rust client: expected a string, got {other:?}"),
        }
    }

    fn list(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            other => panic!("rust client: expected an array, got {other:?}"),
        }
    }

    fn is_integer(&self) -> bool {
        matches!(self, Json::Number(text) if text.parse::<i64>().is_ok())
    }

    fn is_uuid(&self) -> bool {
        // No let-else: a distribution's compiler may be older than that.
        let text = match self {
            Json::Text(text) => text,
            _ => return false,
        };
        text.len() == 36
            && text.char_indices().all(|(at, char)| match at {
                8 | 13 | 18 | 23 => char == '-',
                _ => matches!(char, '0'..='9' | 'a'..='f'),
            })
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn next(&mut self) -> char {
        let char = self.rest.chars().next().expect("rust client: the answer ends too early");
        self.rest = &self.rest[char.len_utf8()..];
        char
    }

    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let found = self.rest.starts_with(token);
        if found {
            self.rest = &self.rest[token.len()..];
        }
        found
    }

    fn value(&mut self) -> Json {
        if self.take("null") {
            return Json::Null;
        }
        if self.take("true") {
            return Json::Bool(true);
        }
        if self.take("false") {
            return Json::Bool(false);
        }
        if self.take("\"") {
            return Json::Text(self.string());
        }
        if self.take("[") {
            return Json::List(self.items("]", Parser::value));
        }
        if self.take("{") {
            return Json::Object(self.items("}", Parser::member));
        }
        let end = self.rest.find([',', ']', '}', ' ']).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        assert!(number.parse::<f64>().is_ok(), "rust client: not JSON at {:?}", self.rest);
        self.rest = rest;
        Json::Number(number.to_string())
    }

    fn items<T>(&mut self, close: &str, item: fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(item(self));
            self.take(",");
        }
        items
    }

    fn member(&mut self) -> (String, Json) {
        assert!(self.take("\""), "rust client: a key expected at {:?}", self.rest);
        let key = self.string();
        assert!(self.take(":"), "rust client: a colon expected at {:?}", self.rest);
        (key, self.value())
    }

    fn string(&mut self) -> String {
        let mut text = String::new();
        loop {
            match self.next() {
                '"' => return text,
                '\\' => match self.next() {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'u' => {
                        let (digits, rest) = self.rest.split_at(4);
                        self.rest = rest;
                        let unit = u32::from_str_radix(digits, 16).expect("rust client: four hex digits");
                        text.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
                    }
                    escaped => text.push(escaped),
                },
                char => text.push(char),
            }
        }
    }
}

struct Client {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
    sent: u32,
}

impl Client {
    fn connect() -> Client {
        let path = std::env::var("AGENTD_SOCKET_PATH").expect("AGENTD_SOCKET_PATH");
        let stream = UnixStream::connect(&path).expect("rust client: connect");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("rust client: set a timeout");
        let lines = BufReader::new(stream.try_clone().expect("rust client: clone the stream"));
        Client { stream, lines, sent: 0 }
    }

    fn send(&mut self, line: &str) -> Json {
        writeln!(self.stream, "{line}").expect("rust client: send");
        let mut answer = String::new();
        self.lines.read_line(&mut answer).expect("rust client: receive");
        Json::parse(&answer)
    }

    fn request(&mut self, method: &str, params: &str) -> Json {
        self.sent += 1;
        let id = self.sent;
        let response = self.send(&format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#));
        check!(*response.get("id") == Json::Number(id.to_string()), "{method}: the id comes back: {response:?}");
        response
    }

    fn call(&mut self, method: &str, params: &str) -> Json {
        let response = self.request(method, params);
        check!(response.has("result") && !response.has("error"), "{method}: expected a result: {response:?}");
        response.get("result").clone()
    }

    fn refused(&mut self, code: &str, method: &str, params: &str) -> String {
        let response = self.request(method, params);
        let error = response.get("error");
        check!(!response.has("result"), "{method}: expected a refusal: {response:?}");
        check!(*error.get("code") == Json::Number(code.into()), "{method}: expected {code}: {response:?}");
        error.get("message").text().to_string()
    }
}

fn uuid() -> String {
    let mut bytes = [0u8; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("rust client: randomness");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn describes_itself(client: &mut Client) {
    let described = client.call("DescribeInterface", "{}");
    check!(described.get("protocol").text() == "agentd-jsonl-v1", "protocol name");
    check!(described.get("transport").text() == "unix-domain-socket", "transport name");
    let statuses = Json::parse(r#"["PENDING","RUNNING","COMPLETED","FAILED"]"#);
    check!(*described.at(&["state_model", "node_statuses"]) == statuses, "the four statuses, in order");
    let methods: Vec<&str> = described.get("methods").list().iter().map(|row| row.get("method").text()).collect();
    for method in ["RegisterTask", "AcquireNextNode", "CommitEvent", "TaskStatus", "ReleaseResourceLock"] {
        check!(methods.contains(&method), "{method} is described");
    }
    check!(client.call("Health", "{}").get("running_timeout_secs").is_integer(), "the timeout is an integer");
}

fn walks_the_dag(client: &mut Client) {
    let (first, second) = (uuid(), uuid());
    let nodes = format!(r#"[{{"id":"{first}"}},{{"id":"{second}","dependencies":["{first}"]}}]"#);
    let task = client.call("RegisterTask", &format!(r#"{{"goal":"check","context":null,"initial_nodes":{nodes}}}"#));
    check!(task.get("task_id").is_uuid(), "task_id is a uuid: {task:?}");
    let task_id = task.get("task_id").text();

    let lease = acquire(client, task_id, &first);
    let asked = format!(r#"{{"task_id":"{task_id}","lease_owner":"rust-2"}}"#);
    check!(client.call("AcquireNextNode", &asked) == NULL, "null while nothing is runnable");
    let held = format!(r#""task_id":"{task_id}","node_id":"{first}","lease_id":"{lease}""#);
    let beat = client.call("HeartbeatNode", &format!("{{{held}}}"));
    check!(*beat.get("ok") == Json::Bool(true), "a heartbeat is taken");
    let event = r#""action_type":"progress","payload":{"percent":50}"#;
    check!(client.call("CommitEvent", &format!("{{{held},{event}}}")).get("event_id").is_uuid(), "an event has a uuid");
    check!(client.call("CommitEvent", &format!(r#"{{{held},"event_payload":[]}}"#)).has("event_id"), "event_payload");
    let completed = client.call("CompleteNode", &format!(r#"{{{held},"result_payload":{{"ok":1}}}}"#));
    check!(completed.get("event_id").is_uuid(), "a completion is an event");

    client.refused("-32000", "HeartbeatNode", &format!("{{{held}}}"));
    let next = client.call("AcquireNextNode", &asked);
    let context = next.get("context");
    check!(next.get("node_id").text() == second, "the second node's turn: {next:?}");
    let dependency = &context.get("completed_dependencies").list()[0];
    check!(dependency.get("node_id").text() == first, "what was done before");
    check!(*dependency.get("result_payload") == Json::parse(r#"{"ok":1}"#), "with its result");
    let journal: Vec<&str> = context.get("event_journal").list().iter().map(|e| e.get("action_type").text()).collect();
    check!(journal == ["progress", "COMMIT_EVENT", "COMPLETE_NODE"], "the journal, oldest first: {journal:?}");

    let stale = format!(r#"{{"task_id":"{task_id}","node_id":"{second}","lease_id":"{lease}","error_payload":1}}"#);
    client.refused("-32000", "FailNode", &stale);
    let current = stale.replace(&lease, next.get("lease_id").text());
    check!(client.call("FailNode", &current).get("event_id").is_uuid(), "a failure is an event");
    shows_the_status(client, task_id, &first, &second);
}

fn acquire(client: &mut Client, task_id: &str, node_id: &str) -> String {
    let lease = client.call("AcquireNextNode", &format!(r#"{{"task_id":"{task_id}","lease_owner":"rust-1"}}"#));
    let node = lease.at(&["context", "node"]);
    check!(lease.get("node_id").text() == node_id, "the first runnable node: {lease:?}");
    check!(lease.get("lease_id").is_uuid() && lease.get("lease_id") == node.get("lease_id"), "node and lease agree");
    check!(lease.get("lease_expires_at").is_integer(), "lease_expires_at is in whole seconds");
    check!(node.get("status").text() == "RUNNING" && *node.get("result_payload") == NULL, "the node runs");
    check!(*lease.at(&["context", "task", "context"]) == NULL, "the task's context is kept as sent");
    check!(lease.at(&["context", "event_journal_limit"]).is_integer(), "event_journal_limit is an integer");
    lease.get("lease_id").text().to_string()
}

fn shows_the_status(client: &mut Client, task_id: &str, first: &str, second: &str) {
    let status = client.call("TaskStatus", &format!(r#"{{"task_id":"{task_id}"}}"#));
    let snake = client.call("get_task_status", &format!(r#"{{"task_id":"{task_id}"}}"#));
    check!(status == snake, "get_task_status is TaskStatus");
    let counts = status.get("counts");
    check!(counts.get("COMPLETED").is_integer() && counts.get("FAILED").is_integer(), "counts: {counts:?}");
    check!(!counts.has("PENDING") && !counts.has("RUNNING"), "only statuses that occur: {counts:?}");
    let nodes = status.get("nodes").list();
    check!(nodes[0].get("id").text() == first && nodes[1].get("id").text() == second, "registration order");
    check!(nodes.iter().all(|node| *node.get("lease_id") == NULL), "an ended node has no lease");
    check!(nodes[1].get("result_payload").is_integer(), "a failed node's result is its error");
}

fn leases_locks(client: &mut Client) {
    let key = format!("file:{}", uuid());
    let asked = format!(r#"{{"resource_key":"{key}","owner":"rust-1","provider":"rust"}}"#);
    let lock = client.call("AcquireResourceLock", &asked);
    check!(lock.get("lease_id").is_uuid() && lock.get("owner").text() == "rust-1", "the lock is the asker's: {lock:?}");
    check!(lock.get("lease_expires_at").is_integer() && lock.has("metadata"), "the lock's fields: {lock:?}");
    check!(client.call("AcquireResourceLock", &asked) == NULL, "null while held, to the same owner too");
    let lease = lock.get("lease_id").text();
    let held = format!(r#"{{"resource_key":"{key}","lease_id":"{lease}"}}"#);
    let beat = client.call("HeartbeatResourceLock", &held);
    check!(*beat.get("ok") == Json::Bool(true), "a lock's heartbeat");
    let listed = client.call("ListResourceLocks", "{}");
    let found = listed.get("locks").list().iter().any(|row| row.get("resource_key").text() == key);
    check!(found, "the lock is listed: {listed:?}");
    check!(*client.call("ReleaseResourceLock", &held).get("ok") == Json::Bool(true), "the lock is given back");
    client.refused("-32000", "ReleaseResourceLock", &held);
}

fn refuses(client: &mut Client) {
    let message = client.refused("-32601", "Nonsense", "{}");
    check!(message.contains("unknown method: Nonsense"), "the unknown method is named: {message}");
    let message = client.refused("-32602", "CompleteNode", "{}");
    check!(message.contains("task_id"), "the missing parameter is named: {message}");
    let broken = client.send("not JSON");
    check!(*broken.at(&["error", "code"]) == Json::Number("-32700".into()) && !broken.has("id"), "not JSON: {broken:?}");
    check!(!client.send(r#"{"method":"Health"}"#).has("id"), "without an id none comes back");
}

/// What `printf … | nc -N -U` does: several lines, the last without its newline, then no more to say.
fn half_closes() {
    let mut client = Client::connect();
    let lines = "{\"id\":1,\"method\":\"Health\"}\n{\"id\":2,\"method\":\"Nonsense\"}\n{\"id\":3,\"method\":\"Metrics\"}";
    client.stream.write_all(lines.as_bytes()).expect("rust client: send");
    client.stream.shutdown(Shutdown::Write).expect("rust client: half-close");
    let answers: Vec<Json> = client.lines.lines().map(|line| Json::parse(&line.expect("rust client: receive"))).collect();
    let ids: Vec<&Json> = answers.iter().map(|answer| answer.get("id")).collect();
    check!(format!("{ids:?}") == r#"[Number("1"), Number("2"), Number("3")]"#, "every line is answered: {ids:?}");
}

fn main() {
    let mut client = Client::connect();
    describes_itself(&mut client);
    walks_the_dag(&mut client);
    leases_locks(&mut client);
    refuses(&mut client);
    half_closes();
    println!(r#"{{"client":"rust","ok":true,"checks":{}}}"#, CHECKS.load(Ordering::Relaxed));
}
