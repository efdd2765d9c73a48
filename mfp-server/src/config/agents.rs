//! `agents`: who there is, and what handles their messages.

use std::collections::BTreeMap;
use std::time::Duration;

use mfp_tokio::mfp_proto::id::AgentName;

use super::address;
use super::model::{Agent, Backend, Llm, Subprocess, Webhook};
use super::secret::Place;
use super::section::Section;
use super::shape::{LLM, PLAIN_AGENT, SUBPROCESS, Shape, WEBHOOK};
use super::value::{Value, near};
use super::yaml::Data;

const SECRET: Place = Place { file: "secret_file", env: "secret_env" };
const API_KEY: Place = Place { file: "api_key_file", env: "api_key_env" };
const TYPES: &[(&str, Type)] = &[
    ("subprocess", Type::Subprocess),
    ("webhook", Type::Webhook),
    ("llm", Type::Llm),
    ("log", Type::Log),
    ("echo", Type::Echo),
    ("external", Type::External),
];
/// Types of the Python server, and what they are now.
const OLD_TYPES: &[(&str, &str)] = &[
    ("callback", "the Python server only wrote these messages to its log: `type: log`, or `external` for a program"),
    ("llm_api", "`type: llm`"),
];
const MARGIN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
enum Type {
    Subprocess,
    Webhook,
    Llm,
    Log,
    Echo,
    External,
}

impl Type {
    const fn shape(self) -> &'static Shape {
        match self {
            Self::Subprocess => &SUBPROCESS,
            Self::Webhook => &WEBHOOK,
            Self::Llm => &LLM,
            Self::Log | Self::Echo | Self::External => &PLAIN_AGENT,
        }
    }
}

/// The agents of the file.
#[derive(Default)]
pub(super) struct Agents {
    /// Those that can be run.
    pub(super) list: Vec<Agent>,
    /// Names of all, so that one with a fault is not also missed.
    names: BTreeMap<AgentName, usize>,
}

impl Agents {
    pub(super) fn read(root: &Section) -> Self {
        let mut agents = Self::default();
        for value in root.get("agents").iter().flat_map(Value::list) {
            agents.list.extend(agent(&value, &mut agents.names));
        }
        agents
    }

    /// The agent that is named here.
    pub(super) fn find(&self, value: &Value) -> Option<AgentName> {
        let name = agent_name(value)?;
        if !self.names.contains_key(&name) {
            match near(name.as_str(), self.names.keys().map(AgentName::as_str)) {
                Some(word) => value.advise("there is no agent of this name", format!("did you mean `{word}`?")),
                None => value.report("there is no agent of this name"),
            }
            return None;
        }
        Some(name)
    }

    /// Longer than any agent may take: what the core waits for has to be more than what a back end waits for.
    pub(super) fn patience(&self) -> Duration {
        let patience = |agent: &Agent| crate::agents::longest(&agent.backend).unwrap_or_default();
        self.list.iter().map(patience).max().unwrap_or_default().saturating_add(MARGIN)
    }

    /// Hides keys, store and control socket from isolated processes: whatever was noted so far.
    pub(super) fn hide(&mut self, root: &Section) {
        for agent in &mut self.list {
            let Backend::Subprocess(subprocess) = &mut agent.backend else { continue };
            if !subprocess.isolate {
                continue;
            }
            let hidden = root.context.hidden();
            if hidden.iter().any(|path| subprocess.directory.starts_with(path)) {
                root.report(
                    "agents",
                    format!(
                        "the directory of the isolated agent `{}` lies in the store's, or in that of an audit log with \
                         `max_size`, which it must not see",
                        agent.name
                    ),
                    Some("give the store and the log directories of their own, as in `path: data/mfp.db`"),
                );
            }
            subprocess.hide.extend(hidden);
            subprocess.hide.sort_unstable();
            subprocess.hide.dedup();
        }
    }
}

/// Reads the name of an agent.
pub(super) fn agent_name(value: &Value) -> Option<AgentName> {
    AgentName::new(value.label(AgentName::MAX_LEN)?).ok()
}

fn agent(value: &Value, names: &mut BTreeMap<AgentName, usize>) -> Option<Agent> {
    let kind = kind(value);
    // Without a type nobody can tell which keys belong here; its name is taken, so that others find it.
    let shape = kind.map_or(&PLAIN_AGENT, Type::shape);
    let section = if kind.is_some() { Section::new(value, shape) } else { Section::unchecked(value, shape) };
    let name = section.require("name", |value| {
        let name = agent_name(value)?;
        match names.get(&name) {
            Some(line) => value.report(format!("an agent in line {line} has this name")),
            None => _ = names.insert(name.clone(), value.at.line),
        }
        Some(name)
    });
    let backend = match kind? {
        Type::Subprocess => subprocess(&section).map(Backend::Subprocess),
        Type::Webhook => webhook(&section).map(Backend::Webhook),
        Type::Llm => llm(&section).map(Backend::Llm),
        Type::Log => Some(Backend::Log),
        Type::Echo => Some(Backend::Echo),
        Type::External => Some(Backend::External),
    };
    Some(Agent { name: name?, backend: backend? })
}

/// The type is read first: the keys depend on it.
fn kind(value: &Value) -> Option<Type> {
    let Data::Map(entries) = &value.node.data else { return None };
    let Some(entry) = entries.iter().find(|entry| entry.key == "type") else {
        let words: Vec<_> = TYPES.iter().map(|(word, _)| *word).collect();
        let help = format!("one of {}", words.join(", "));
        value.context.report(value.at, &value.key("type"), "is missing", Some(help));
        return None;
    };
    let found = Value::of(value.context, value.key("type"), entry);
    let old = OLD_TYPES.iter().find(|(old, _)| matches!(&entry.value.data, Data::Scalar { text, .. } if text == old));
    if let Some((old, help)) = old {
        found.advise(format!("there is no type `{old}` any more"), *help);
        return None;
    }
    found.choice(TYPES)
}

fn subprocess(section: &Section) -> Option<Subprocess> {
    let command = section.require("command", |value| {
        let words = value.list();
        if words.is_empty() && matches!(value.node.data, Data::List(_) | Data::Null) {
            value.advise("is empty", "`[PROGRAM, ARGUMENT]`");
        }
        let command: Option<Vec<_>> = words.iter().map(|word| argument(word).map(str::to_owned)).collect();
        command.filter(|command| !command.is_empty())
    });
    let directory = match section.get("directory") {
        None => Some(section.context.directory.clone()),
        Some(value) => value.path().filter(|path| {
            let there = path.is_dir();
            if !there {
                value.report("there is no such directory");
            }
            there
        }),
    };
    let isolate = section.flag("isolate").unwrap_or_default();
    let mut hide = Vec::new();
    if let Some(value) = section.get("hide") {
        if !isolate {
            value.advise("only an isolated process can be kept from seeing something", "`isolate: true`");
        }
        hide.extend(value.list().iter().filter_map(Value::path));
    }
    let environment = section.get("env").map(|value| environment(&value)).unwrap_or_default();
    let (timeout, concurrency) = (section.time("timeout"), section.count("concurrency"));
    Some(Subprocess {
        environment,
        timeout: timeout?,
        concurrency: concurrency?,
        command: command?,
        directory: directory?,
        isolate,
        hide,
    })
}

fn argument<'a>(value: &Value<'a>) -> Option<&'a str> {
    let text = value.text()?;
    if text.contains('\0') {
        value.report("must have no NUL");
        return None;
    }
    Some(text)
}

fn environment(value: &Value) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for entry in value.entries().unwrap_or_default() {
        let text = Value::of(value.context, value.key(&entry.key), entry);
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            value.context.report(entry.at, &value.path, "is not the name of an environment variable", None);
        } else if let Some(text) = argument(&text) {
            environment.insert(entry.key.clone(), text.to_owned());
        }
    }
    environment
}

fn webhook(section: &Section) -> Option<Webhook> {
    let url = address::url(section, "url");
    let secret = SECRET.required_key(section);
    let (timeout, attempts) = (section.time("timeout"), section.count("attempts"));
    let concurrency = section.count("concurrency");
    Some(Webhook { url: url?, secret: secret?, timeout: timeout?, attempts: attempts?, concurrency: concurrency? })
}

fn llm(section: &Section) -> Option<Llm> {
    let (base_url, model) = (address::url(section, "base_url"), section.label("model"));
    let api_key = API_KEY.token(section);
    let system = section.read("system", Value::text).map(str::to_owned);
    let (turns, conversations) = (section.count("turns"), section.count("conversations"));
    let (max_tokens, temperature_millis) = (section.count("max_tokens"), section.millis("temperature"));
    let (timeout, attempts) = (section.time("timeout"), section.count("attempts"));
    let concurrency = section.count("concurrency");
    Some(Llm {
        base_url: base_url?,
        model: model?.to_owned(),
        api_key,
        system,
        turns: turns?,
        conversations: conversations?,
        max_tokens,
        temperature_millis,
        timeout: timeout?,
        attempts: attempts?,
        concurrency: concurrency?,
    })
}
