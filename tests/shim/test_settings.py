"""Settings: the order of their sources, and errors for invalid ones."""

from pathlib import Path
from typing import Any

import pytest

from backends.cluster_config import ClusterConfig, Replication
from backends.config import BUILTIN, Ct2ModelConfig, FakeModelConfig, FakeOptions
from shim.key_settings import hashed
from shim.settings import Settings, SettingsError, load, parse_model

ECHO = """
[[models]]
id = "echo"
backend = "fake"
source = "chat"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path for a test's configuration."""
    return tmp_path / "shim.toml"


def read(file: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    """Write *text* to *file* and load it."""
    file.write_text(text)
    return load(file, environment or {})


def test_nothing_configured() -> None:
    """By default the built-in models are served on loopback, without a key."""
    settings = load(environment={})

    assert settings.models == BUILTIN
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.server.api_keys == ()


def test_a_file(file: Path) -> None:
    """A file has the server's settings and models, each with the options of its engine."""
    settings = read(
        file,
        """
        [server]
        port = 1234
        api_keys = ["a", "b"]
        [[models]]
        id = "org/echo"
        backend = "fake"
        source = "chat"
        aliases = ["gpt-4o"]
        max_running = 2
        options = { seconds_per_item = 0.5 }
        """,
    )

    assert settings.server.port == 1234
    assert settings.server.api_keys == (hashed("a"), hashed("b"))
    assert settings.models == (
        FakeModelConfig(
            id="org/echo",
            source="chat",
            aliases=("gpt-4o",),
            max_running=2,
            options=FakeOptions(seconds_per_item=0.5),
        ),
    )


def test_the_order_of_layers(file: Path) -> None:
    """The environment overrides the file, flags override both, field by field."""
    file.write_text('[server]\nport = 1\nhost = "localhost"\nshutdown_seconds = 5\n')
    environment = {"SHIM_PORT": "2", "SHIM_HOST": "::1"}

    settings = load(file, environment, {"server": {"port": 3}})

    server = settings.server
    assert (server.port, server.host, server.shutdown_seconds) == (3, "::1", 5)


def test_the_environment() -> None:
    """Each field of `[server]`, its limits and `[batches]` has a variable; commas separate keys."""
    settings = load(
        environment={
            "SHIM_API_KEYS": "a, b,",
            "SHIM_LIMITS_BODY_BYTES": "2048",
            "SHIM_ALLOW_KEYLESS": "true",
            "SHIM_SHUTDOWN_SECONDS": "0.5",
            "SHIM_BATCHES_DIRECTORY": "/batches",
            "SHIM_NOT_OURS": "1",
        }
    )

    server = settings.server
    assert server.api_keys == (hashed("a"), hashed("b"))
    assert server.limits.body_bytes == 2048
    assert server.allow_keyless is True
    assert server.shutdown_seconds == 0.5
    assert settings.batches.directory == "/batches"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SHIM_PROT", "SHIM_PORT"),
        ("SHIM_API_KEY", "SHIM_API_KEYS"),
        ("SHIM_APIKEYS", "SHIM_API_KEYS"),
        ("SHIM_ALLOW_KEYLES", "SHIM_ALLOW_KEYLESS"),
        ("SHIM_LIMIT_UPLOAD_BYTES", "SHIM_LIMITS_UPLOAD_BYTES"),
        ("SHIM_BATCHES_DIRECTOR", "SHIM_BATCHES_DIRECTORY"),
        ("SHIM_CONFG", "SHIM_CONFIG"),
        ("shim_port", "SHIM_PORT"),
    ],
)
def test_a_misspelt_variable(name: str, meant: str) -> None:
    """A misspelt variable is refused: a server could run without keys that it seems to have."""
    with pytest.raises(SettingsError, match=rf"{name} is not a setting: did you mean {meant}\?"):
        load(environment={name: "1"})


def test_variables_of_kubernetes() -> None:
    """The variables of a Kubernetes service named `shim`, or `shim-api`, change nothing."""
    environment = {
        "SHIM_SERVICE_HOST": "10.0.0.1",
        "SHIM_SERVICE_PORT": "80",
        "SHIM_SERVICE_PORT_HTTP": "80",
        "SHIM_PORT": "tcp://10.0.0.1:80",
        "SHIM_PORT_80_TCP": "tcp://10.0.0.1:80",
        "SHIM_PORT_80_TCP_PROTO": "tcp",
        "SHIM_PORT_80_TCP_PORT": "80",
        "SHIM_API_SERVICE_HOST": "10.0.0.1",
        "SHIM_API_PORT": "tcp://10.0.0.1:80",
        "SHIM_API_PORT_80_TCP_ADDR": "10.0.0.1",
    }

    assert load(environment=environment) == load(environment={})


def test_other_variables(caplog: pytest.LogCaptureFixture) -> None:
    """A variable that is not similar to a setting is ignored, with a line in the log."""
    load(environment={"SHIM_MODEL_DIR": "/models"})

    assert "SHIM_MODEL_DIR is not a setting of Shim: ignored" in caplog.text


def test_an_empty_variable(file: Path) -> None:
    """An empty variable, as from a template, overrides nothing."""
    settings = read(
        file, '[server]\napi_keys = ["a"]', {"SHIM_API_KEYS": "", "SHIM_PORT": "", "SHIM_HOST": ""}
    )

    assert settings.server.api_keys == (hashed("a"),)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize("by", ["file", "variable", "flag"])
def test_a_file_of_keys(by: str, file: Path, tmp_path: Path) -> None:
    """The keys of a key file, one on each line, are added to the others."""
    keys = tmp_path / "keys"
    keys.write_bytes(b"\xef\xbb\xbfone\r\n\n  two \none\n")
    setting = f'\napi_key_file = "{keys}"' if by == "file" else ""
    file.write_text(f'[server]\napi_keys = ["zero", "two"]{setting}')

    settings = load(
        file,
        {"SHIM_API_KEY_FILE": str(keys)} if by == "variable" else {},
        {"server": {"api_key_file": str(keys)}} if by == "flag" else {},
    )

    assert settings.server.api_keys == (hashed("zero"), hashed("two"), hashed("one"))


def test_a_file_of_keys_beyond_loopback(tmp_path: Path) -> None:
    """With keys from a file a server may listen beyond loopback."""
    keys = tmp_path / "keys"
    keys.write_text("one\n")

    assert load(environment={"SHIM_HOST": "::", "SHIM_API_KEY_FILE": str(keys)}).server.host == "::"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "No such file"),
        (b"", "contains no key"),
        (b" \n\r\n", "contains no key"),
        (b"good\nsecret word\n", "has a line that is not a key"),
        (b"sha256:secret", "has a line that is not a key"),
        (b"\xffsecret", "has a line that is not a key"),
    ],
    ids=["gone", "nothing", "blank", "words", "digest", "bytes"],
)
def test_a_file_without_keys(content: bytes | None, fault: str, tmp_path: Path) -> None:
    """An invalid key file is refused by its name; the message repeats no key."""
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_bytes(content)

    with pytest.raises(SettingsError, match=fault) as refusal:
        load(environment={"SHIM_API_KEY_FILE": str(keys)})

    assert str(keys) in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_flags_replace_models(file: Path) -> None:
    """Models from the command line replace those in the file."""
    file.write_text(ECHO)

    settings = load(file, {}, {"models": [parse_model("a=ct2:/models/b:c")]})

    assert settings.models == (Ct2ModelConfig(id="a", source="/models/b:c"),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[server]\nport = 70000", "Expected int <= 65535 - at $.server.port"),
        ("[server]\nport = 'high'", "Expected int, got str - at $.server.port"),
        ("[server]\nprot = 1", "unknown field prot - at $.server (did you mean port?)"),
        ("[sever]", "Object contains unknown field sever (did you mean server?)"),
        ("[models]\nid = 'a'", "Expected array, got object - at $.models (write [[models]])"),
        (f"{ECHO}[models.option]", "field option - at $.models[0] (did you mean options?)"),
        ("[server]\nzzz = 1", "Object contains unknown field zzz - at $.server"),
        ("[server.limits]\nbody_bytes = 1", "Expected int >= 1024 - at $.server.limits.body_bytes"),
        ("models = 1", "Expected array, got int - at $.models"),
        (f"{ECHO}max_running = 0", "Expected int >= 1 - at $.models[0].max_running"),
        (f"{ECHO}max_wating = 1", "Object contains unknown field max_wating - at $.models[0]"),
        (
            f"{ECHO}options = {{ fast = true }}",
            "Object contains unknown field fast - at $.models[0].options",
        ),
        ("[[models]]\nid = 'a'\nsource = 'b'", "missing required field backend - at $.models[0]"),
        (
            "[[models]]\nid = 'a'\nbackend = 'fake'",
            "missing required field source - at $.models[0]",
        ),
        (
            "[[models]]\nid = 'a'\nbackend = 'gpu'\nsource = 'b'",
            "Invalid value 'gpu' - at $.models[0].backend (there are remote, fake, ct2, vllm",
        ),
        (ECHO.replace("echo", ""), "length >= 1 - at $.models[0].id"),
        (ECHO + ECHO, "The name 'echo' is used twice - at $.models[1]"),
        (f"{ECHO}aliases = ['echo']", "The name 'echo' is used twice - at $.models[0]"),
        ("port = ", "shim.toml: Invalid value"),
    ],
)
def test_errors_have_a_path(file: Path, text: str, fault: str) -> None:
    """The error for an invalid value, an unknown field or a name in use has its path."""
    with pytest.raises(SettingsError) as refusal:
        read(file, text)

    assert fault in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "fault"), [(None, "No such file"), (b"\xff", "'utf-8'")], ids=["gone", "bytes"]
)
def test_a_file_that_cannot_be_read(file: Path, content: bytes | None, fault: str) -> None:
    """The error for a file that cannot be read, or is not UTF-8, has the file's name."""
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=rf"shim\.toml: .*{fault}"):
        load(file, {})


def test_an_invalid_variable() -> None:
    """The error for an invalid variable has the path of its field, and the variable's name."""
    with pytest.raises(SettingsError, match=r"got str - at \$\.server\.port \(SHIM_PORT\)$"):
        load(environment={"SHIM_PORT": "http"})
    with pytest.raises(SettingsError, match=r"limits\.messages \(SHIM_LIMITS_MESSAGES\)$"):
        load(environment={"SHIM_LIMITS_MESSAGES": "0"})
    with pytest.raises(SettingsError, match=r"batches\.max_lines \(SHIM_BATCHES_MAX_LINES\)$"):
        load(environment={"SHIM_BATCHES_MAX_LINES": "0"})


def test_a_byte_order_mark(file: Path) -> None:
    """A byte order mark, as some editors write, is ignored."""
    file.write_bytes(b"\xef\xbb\xbf[server]\nport = 1")

    assert load(file, {}).server.port == 1


@pytest.mark.parametrize("key", ["", "two words", "sha256:12", f"sha256:{'G' * 64}"])
def test_keys_that_nobody_could_send(key: str) -> None:
    """A key is one word or a whole digest; part of a digest is refused."""
    with pytest.raises(SettingsError, match=r"at \$\.server\.api_keys\[0\]"):
        load(environment={}, flags={"server": {"api_keys": [key]}})


KEYS = """
[server.rate_limits]
requests_per_minute = 60
[[server.keys]]
name = "alice"
key = "sk-alice"
models = ["echo"]
tokens_per_minute = 1000
"""


def test_keys_with_names(file: Path) -> None:
    """A key has a name, a list of models and limits of its own; only its digest is kept."""
    settings = read(file, KEYS + ECHO, {"SHIM_RATE_LIMITS_REQUESTS_PER_MINUTE": "5"})

    (key,) = settings.server.keys
    assert (key.name, key.key, key.models) == ("alice", hashed("sk-alice"), ("echo",))
    assert key.over(settings.server.rate_limits).by_unit == {"requests": 5, "tokens": 1000}
    assert settings.server.needs_key
    assert "sk-alice" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("sk-alice", "two words"), "at $.server.keys[0].key"),
        (("alice", ""), "at $.server.keys[0].name"),
        (('["echo"]', "[]"), "at $.server.keys[0].models"),
        (('["echo"]', '["echo", "b"]'), "No model 'b' is served here - at $.server.keys[0].models"),
        (("[server.rate", 'server.api_keys = ["sk-alice"]\n[server.rate'), "keys[0].key"),
        (("tokens_per_minute = 1000", "tokens_per_minute = 0"), "keys[0].tokens_per_minute"),
        (
            ("[[models]]", '[[server.keys]]\nname = "alice"\nkey = "b"\n[[models]]'),
            "The name 'alice' is used twice - at $.server.keys[1].name",
        ),
        (
            (
                "[[models]]",
                f'[[server.keys]]\nname = "b"\nkey = "{hashed("sk-alice")}"\n[[models]]',
            ),
            "The key of 'b' is given twice - at $.server.keys[1].key",
        ),
    ],
)
def test_wrong_keys_with_names(file: Path, change: tuple[str, str], fault: str) -> None:
    """A wrong entry is refused with its path; the message has no key."""
    with pytest.raises(SettingsError) as refusal:
        read(file, (KEYS + ECHO).replace(*change, 1))

    assert fault in str(refusal.value)
    assert "sk-alice" not in str(refusal.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org"])  # noqa: S104
def test_no_key_beyond_loopback(host: str) -> None:
    """Beyond loopback a server needs a key, or `allow_keyless`."""
    with pytest.raises(SettingsError, match=r"without a key .* at \$\.server\.host"):
        load(environment={"SHIM_HOST": host})

    for permission in ({"SHIM_API_KEYS": "a"}, {"SHIM_ALLOW_KEYLESS": "1"}):
        assert load(environment={"SHIM_HOST": host, **permission}).server.host == host


@pytest.mark.parametrize("text", ["", "a", "a=b", "=fake:chat", "a=:chat", "a=fake:"])
def test_models_in_short(text: str) -> None:
    """The short form of a model must have all three parts."""
    with pytest.raises(SettingsError, match="Expected ID=BACKEND:SOURCE"):
        parse_model(text)


def test_settings_are_values() -> None:
    """Settings cannot be changed while the server runs."""
    settings: Any = load(environment={})

    with pytest.raises(AttributeError):
        settings.server.port = 1


def test_tracing_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenTelemetry the error names the command that installs it."""
    monkeypatch.setattr("shim.settings.find_spec", lambda _: None)

    with pytest.raises(SettingsError, match=r"pip install 'evalshim\[otel\]'"):
        load(environment={"SHIM_TRACING": "true"})


def test_a_cluster(file: Path) -> None:
    """A file names the cluster, and for each model its replicas; without it there is none."""
    replicas = "cluster = { replicas = 2, num_gpus = 0.5, resources = { left = 1 } }"

    settings = read(file, f'[cluster]\naddress = "10.0.0.1:6379"\n{ECHO}{replicas}')

    assert settings.cluster == ClusterConfig(address="10.0.0.1:6379")
    placed = Replication(replicas=2, num_gpus=0.5, resources={"left": 1})
    assert settings.models[0].cluster == placed
    assert read(file, ECHO).cluster is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[cluster]\naddress = "ray://head:10001"', "$.cluster.address"),
        ('[cluster]\nname = "a b"', "$.cluster.name"),
        (f"{ECHO}cluster = {{ replicas = 0 }}", "$.models[0].cluster.replicas"),
        (
            f"{ECHO}cluster = {{ autoscaling = {{ min = 3, max = 2 }} }}",
            "$.models[0].cluster.autoscaling",
        ),
        (
            """
            [[models]]
            id = "m"
            backend = "remote"
            upstreams = [{ url = "http://h/v1" }]
            cluster = { replicas = 2 }
            """,
            "$.models[0].cluster",
        ),
        (
            """
            [[models]]
            id = "m"
            backend = "vllm"
            source = "m"
            options = { tensor_parallel_size = 4 }
            cluster = { num_gpus = 2 }
            """,
            "$.models[0].cluster.num_gpus",
        ),
    ],
)
def test_an_impossible_cluster(file: Path, text: str, path: str) -> None:
    """What no cluster could do is refused with its path, before a cluster is reached."""
    with pytest.raises(SettingsError) as refused:
        read(file, text)

    assert path in str(refused.value)
