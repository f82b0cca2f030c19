"""Configuration: every setting is read, and every mistake is a sentence that names it."""

from dataclasses import fields
from pathlib import Path

import pytest

from digipoort_wus.config import Config, IdentityFiles
from digipoort_wus.config_file import load_config
from digipoort_wus.delivery.agencies import AgencyRow, EbmsWay
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.delivery.stamping import StampRow
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party
from digipoort_wus.pki.anchors import AnchorRule
from digipoort_wus.pki.profiles import Role
from digipoort_wus.process.authorisation import MailboxMandate, PartyRow, Right
from digipoort_wus.process.authorisers import AuthoriserRow
from digipoort_wus.process.retention import retention
from digipoort_wus.process.routes import Route
from digipoort_wus.process.validators import RulesRow
from digipoort_wus.store.object_place import ObjectPlace
from tests.conftest import CERTS_TEST

FULL = """\
mode = "production"
data_dir = "data"
pki_dir = "pki"
role = "worker"

[listen]
host = "::"
port = 443
public_urls = ["https://wus.example.nl", "https://WUS.example.nl:8443/x"]
drain_seconds = 15

[tls]
certificate = "tls.pem"
key = "tls.key"

[signing]
pkcs12 = "/etc/signing.p12"
password_file = "signing.password"

[trust]
ca = "ca.pem"
crls = "crl"
crl_hosts = ["CRL.example.nl", "127.0.0.1:8080"]
crl_urls = ["http://crl.example.nl/tsp.crl"]
crl_proxy = "http://proxy.example.nl:3128"
reload_seconds = 5

[[trust.anchors]]
sha256 = "abababababababababababababababababababababababababababababababab"
roles = ["signer"]

[security]
mandates = [
    { tls = "00000099000000002000", signer = "00000099000000003000" },
    { kind = "mailbox", oin = "00000099000000002000", belanghebbende = "Fi:001000044B37" },
]
signature_engine = "both"
oins = ["00000099000000001000"]
accept_pss = true
unsafe_accept_sha1 = "clients of 2019"
explain_faults = true
fault_status = 200
echo_message_id = true

[process]
unsafe_sandbox_agency = "acceptance test"
autorisatie_adressen = ["https://ausp.example.nl"]
lease_seconds = 30

[store]
url = "postgresql://gateway@db.example.nl/digipoort?sslmode=verify-full"
unsafe_url = "a private line"
password_file = "/run/secrets/database"
payloads = "/srv/payloads"
key_ring = "/run/secrets/key-ring"
min_free_bytes = 1_000_000_000

[store.objects]
bucket = "filings"
prefix = "gateway"
endpoint = "http://127.0.0.1:9000"
region = "eu-west-1"
ca = "/etc/objects.pem"
access_key_id = "gateway"
secret_key_file = "/run/secrets/objects"
unsafe_http = "the same machine"

[retention]
hour = 23
ebms_days = 90
default_days = 3650
[[retention.rule]]
berichtsoort = "Omzetbelasting"
days = 2555

[rules]
engine = "in-process"
sets = ["rules", "/srv/rules"]
added = "added"
workers = 4
heavy_workers = 2
seconds = 10
heavy_seconds = 300
memory_mb = 256
heavy_memory_mb = 4096

[evidence]
seal_every = 30

[evidence.stamp]
policy = "required"
url = "https://stamps.example.nl/tsa"
roots = "/etc/stamps.pem"
policy_oid = "1.2.3.4.1"
timeout = 7
alarm_after = 3600
ca = "/etc/https.pem"
certificate = "/etc/stamps-client.pem"
key = "/etc/stamps-client.key"
user = "wij"
password_file = "/run/secrets/stamps"

[admin]
host = "10.0.0.7"
port = 9100
unsafe_host = "only the monitoring network reaches it"

[log]
format = "json"
level = "debug"

[[authoriser]]
address = "https://ausp.example.nl/all"
kind = "allow"

[[authoriser]]
address = "https://ausp.example.nl/some"
kind = "refuse"
oins = ["00000099000000003000"]
berichtsoorten = ["ICP"]

[[authoriser]]
address = "urn:example:own"
kind = "program"
factory = "our_ausp.parts:service"

[ebms]
path = "/msh"
host = "msh.example.nl"
filings = true
concurrency = 8
connect_seconds = 5
silence_seconds = 30
total_seconds = 300
[[ebms.party]]
id = "00000099000000001000_T"
type = "urn:osb:oin"

[[agency]]
name = "belastingdienst"
oin = "00000099000000004000"
url = "https://agency.example.nl/wus/2.0/afleverservice/1.2"
ca = "agency-ca.pem"
signer_oin = "00000099000000004001"
berichtsoorten = ["ICP"]
connect_seconds = 5
silence_seconds = 30
total_seconds = 300
concurrency = 8

[[route]]
berichtsoort = "Omzetbelasting"
about = "VAT return"
belanghebbende_types = ["Fi", "BTW"]
ontvanger = "00000002003214394002"
rol_ontvanger = "overheid"
agency = "belastingdienst"

[[route]]
berichtsoort = "Proef"
agency = "sandbox"

[[party]]
oin = "00000099000000002000"
name = "Voorbeeld BV"
operations = ["aanleveren", "statusinformatie"]
berichtsoorten = ["Omzetbelasting", "Aangifte_*"]
belanghebbenden = ["Fi:001000044B37", "own"]
requests_per_minute = 600
bytes_per_day = 1_000_000_000

[[party]]
oin = "00000099000000003000"
operations = "*"
berichtsoorten = "*"
belanghebbenden = ["*"]
disabled = true
reason = "contract ended"
"""


OIN = "00000099000000002000"
OIN_OF_SIGNER = "00000099000000004001"
AGENCY = f"""\
[[agency]]
name = "there"
oin = "{OIN}"
url = "https://agency.example.nl/"
"""
WITHOUT_URL = AGENCY[: AGENCY.index("url")]
EBMS = f'[ebms]\n{WITHOUT_URL}cpa = "osb-rm-s"\n'
AUSP = """\
[[authoriser]]
address = "https://ausp.example.nl/"
kind = "allow"
"""
OWN_ROUTES = FULL[FULL.index("[[agency]]") : FULL.index("[[party]]")]
NO_ROUTES = FULL.replace(OWN_ROUTES, AGENCY)


def load(folder: Path, text: str) -> Config:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_everything_that_can_be_set(tmp_path: Path) -> None:
    config = load(tmp_path, FULL)
    assert config == Config(
        mode="production",
        data_dir=tmp_path / "data",
        pki_dir=tmp_path / "pki",
        role="worker",
        lease_seconds=30,
        store_url="postgresql://gateway@db.example.nl/digipoort?sslmode=verify-full",
        unsafe_store_url="a private line",
        store_password_file=Path("/run/secrets/database"),
        store_payloads=Path("/srv/payloads"),
        store_key_ring=Path("/run/secrets/key-ring"),
        store_objects=ObjectPlace(
            "filings",
            "gateway",
            "http://127.0.0.1:9000",
            "eu-west-1",
            Path("/etc/objects.pem"),
            "gateway",
            Path("/run/secrets/objects"),
            "the same machine",
        ),
        host="::",
        port=443,
        public_urls=("https://wus.example.nl", "https://WUS.example.nl:8443/x"),
        tls=IdentityFiles(certificate=tmp_path / "tls.pem", key=tmp_path / "tls.key"),
        signing=IdentityFiles(
            pkcs12=Path("/etc/signing.p12"), password_file=tmp_path / "signing.password"
        ),
        ca_file=tmp_path / "ca.pem",
        crl_dir=tmp_path / "crl",
        anchor_rules=(AnchorRule("ab" * 32, frozenset({Role.SIGNER})),),
        crl_hosts=frozenset({"crl.example.nl:80", "127.0.0.1:8080"}),
        crl_urls=("http://crl.example.nl/tsp.crl",),
        crl_proxy="http://proxy.example.nl:3128",
        reload_seconds=5,
        oins=frozenset({"00000099000000001000"}),
        accept_pss=True,
        mandates=frozenset({("00000099000000002000", "00000099000000003000")}),
        mailboxes=frozenset({MailboxMandate("00000099000000002000", Party("001000044B37", "Fi"))}),
        authorisers=(
            AuthoriserRow("https://ausp.example.nl/all", "allow"),
            AuthoriserRow(
                "https://ausp.example.nl/some",
                "refuse",
                oins=frozenset({"00000099000000003000"}),
                berichtsoorten=frozenset({"ICP"}),
            ),
            AuthoriserRow("urn:example:own", "program", factory="our_ausp.parts:service"),
        ),
        ebms=EbmsSettings(
            "/msh",
            (PartyId("00000099000000001000_T", "urn:osb:oin"),),
            "msh.example.nl",
            filings=True,
            concurrency=8,
            timeouts=Timeouts(5, 30, 300),
        ),
        agencies=(
            AgencyRow(
                "belastingdienst",
                "00000099000000004000",
                "https://agency.example.nl/wus/2.0/afleverservice/1.2",
                ca_file=tmp_path / "agency-ca.pem",
                signer_oin="00000099000000004001",
                berichtsoorten=("ICP",),
                timeouts=Timeouts(5, 30, 300),
                concurrency=8,
            ),
        ),
        routes=(
            Route(
                "Omzetbelasting",
                about="VAT return",
                belanghebbende_types=("Fi", "BTW"),
                ontvanger=Party("00000002003214394002", "OIN"),
                rol_ontvanger="overheid",
                destination="belastingdienst",
            ),
            Route("Proef", destination="sandbox"),
        ),
        parties=(
            PartyRow(
                "00000099000000002000",
                name="Voorbeeld BV",
                rights=frozenset({Right.AANLEVEREN, Right.STATUSINFORMATIE}),
                berichtsoorten=("Omzetbelasting", "Aangifte_*"),
                belanghebbenden=("Fi:001000044B37", "own"),
                requests_per_minute=600,
                bytes_per_day=1_000_000_000,
            ),
            PartyRow(
                "00000099000000003000",
                disabled="contract ended",
                rights=frozenset(Right),
                berichtsoorten=("*",),
                belanghebbenden=("*",),
            ),
        ),
        signature_engine="both",
        unsafe_accept_sha1="clients of 2019",
        unsafe_sandbox_agency="acceptance test",
        explain_faults=True,
        fault_status=200,
        echo_message_id=True,
        autorisatie_adressen=frozenset({"https://ausp.example.nl"}),
        min_free_bytes=1_000_000_000,
        retention=retention([("Omzetbelasting", 2555)], 3650, 23, 90),
        rules=RulesRow(
            engine="in-process",
            sets=(tmp_path / "rules", Path("/srv/rules")),
            added=tmp_path / "added",
            workers=4,
            heavy_workers=2,
            seconds=10,
            heavy_seconds=300,
            memory_mb=256,
            heavy_memory_mb=4096,
        ),
        seal_every=30,
        stamp=StampRow(
            policy="required",
            url="https://stamps.example.nl/tsa",
            roots=Path("/etc/stamps.pem"),
            policy_oid="1.2.3.4.1",
            timeout=7,
            alarm_after=3600,
            ca=Path("/etc/https.pem"),
            certificate=Path("/etc/stamps-client.pem"),
            key=Path("/etc/stamps-client.key"),
            user="wij",
            password_file=Path("/run/secrets/stamps"),
        ),
        drain_seconds=15,
        admin_host="10.0.0.7",
        admin_port=9100,
        unsafe_admin_host="only the monitoring network reaches it",
        log_format="json",
        log_level="debug",
    )
    changed = [
        field.name
        for field in fields(config)
        if getattr(config, field.name) != getattr(Config(), field.name)
    ]
    assert len(changed) == len(fields(config)), "a setting is missing above"
    assert config.origins == frozenset(
        {("https", "wus.example.nl", 443), ("https", "wus.example.nl", 8443)}
    )


def test_an_empty_file_is_a_sandbox(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config == Config()
    assert (config.mode, config.host, config.port) == ("sandbox", "localhost", 8443)
    assert config.explains
    assert config.origins is None
    assert config.pki == config.data_dir


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_the_operators_port_is_for_this_machine(host: str) -> None:
    assert Config(admin_host=host, admin_port=0).admin_is_loopback


def test_what_is_logged_by_itself(tmp_path: Path) -> None:
    assert Config().least_logged == "warning"
    assert Config(log_level="error").least_logged == "error"
    assert load(tmp_path, FULL.replace('level = "debug"\n', "")).least_logged == "info"


def test_production_explains_nothing_unless_told(tmp_path: Path) -> None:
    assert not load(tmp_path, FULL.replace("explain_faults = true\n", "")).explains
    assert load(tmp_path, FULL).explains


def test_who_is_let_in_without_a_row(tmp_path: Path) -> None:
    """In production nobody; in a sandbox everybody, but who is disabled."""
    known, disabled, unknown = (f"0000009900000000{number}000" for number in (2, 3, 4))
    production = load(tmp_path, FULL).authorisations
    sandbox = load(tmp_path, FULL.replace('"production"', '"sandbox"', 1)).authorisations
    for table in (production, sandbox):
        assert table.row(known).berichtsoorten == ("Omzetbelasting", "Aangifte_*")
        with pytest.raises(Refusal):
            table.row(disabled)
    with pytest.raises(Refusal):
        production.row(unknown)
    assert sandbox.row(unknown).rights == frozenset(Right)


ROW = f'[[party]]\noin = "{OIN}"\noperations = ["aanleveren"]\n'

# What stands in the file: words of the sentence.
WRONG = {
    'mode = "prod"': ("mode", "'prod'"),
    "mode = 1": ("mode", "a text"),
    "data_dir = 1": ("data_dir", "a path"),
    "pki_dir = []": ("pki_dir", "a path"),
    'data_dir = ""': ("data_dir is empty", "leave it out"),
    '[trust]\nca = ""': ("trust.ca is empty",),
    '[store]\nkey_ring = " "': ("store.key_ring is empty",),
    '[store]\nurl = ""': ("store.url is empty",),
    "[listen]\nport = 8443\n[admin]\nport = 8443": ("admin.port", "another one"),
    "colour = 1": ("colour", "mode"),
    "listen = 1": ("listen", "a table"),
    "[listen]\nprot = 1": ("listen.prot", "listen"),
    '[listen]\nport = "443"': ("listen.port", "a whole number"),
    "[listen]\nport = true": ("listen.port", "a whole number"),
    "[listen]\nport = 4.5": ("listen.port", "a whole number"),
    "[listen]\nport = 65536": ("listen.port", "65535"),
    "[listen]\nport = -1": ("listen.port", "65535"),
    "[listen]\nhost = 1": ("listen.host", "a text"),
    '[listen]\nhost = ""': ("listen.host", "localhost"),
    '[listen]\npublic_urls = "https://x.nl"': ("listen.public_urls", "a list of texts"),
    "[listen]\npublic_urls = [1]": ("listen.public_urls", "a list of texts"),
    '[listen]\npublic_urls = ["x.nl"]': ("listen.public_urls", "'x.nl'"),
    '[listen]\npublic_urls = ["https://"]': ("listen.public_urls", "https://"),
    '[listen]\npublic_urls = ["ftp://x.nl:21"]': ("listen.public_urls", "ftp://"),
    '[listen]\npublic_urls = ["https://x.nl:99999"]': ("listen.public_urls", "99999"),
    '[listen]\npublic_urls = ["https://me:word@x.nl"]': ("listen.public_urls", "password in it"),
    "[listen]\ndrain_seconds = -1": ("listen.drain_seconds", "0 to 3600"),
    "[listen]\ndrain_seconds = 3601": ("listen.drain_seconds", "0 to 3600"),
    "[listen]\ndrain_seconds = 1.5": ("listen.drain_seconds", "a whole number"),
    "[store]\nmin_free_bytes = -1": ("store.min_free_bytes", "0"),
    '[store]\nmin_free_bytes = "1G"': ("store.min_free_bytes", "a whole number"),
    "[store]\nlimit = 1": ("store.limit", "min_free_bytes"),
    "[retention]\nhour = 24": ("retention.hour", "0 to 23"),
    "[retention]\nebms_days = 36501": ("retention.ebms_days", "0 to 36500"),
    "[retention]\ndefault_days = 0": ("retention.default_days", "1 to 36500"),
    "[retention]\nyears = 7": ("retention.years", "default_days"),
    '[[retention.rule]]\nberichtsoort = "X"': ("'X'", "1 to 36500"),
    "[[retention.rule]]\ndays = 7": ("berichtsoort",),
    '[[retention.rule]]\nberichtsoort = "X"\nyears = 7': ("retention.rule[1].years", "days"),
    "[evidence]\nseal_every = 0": ("evidence.seal_every", "1 to 86400"),
    "[rules]\nworkers = 0": ("rules.workers", "1 to 64 processes"),
    "[rules]\nheavy_workers = 65": ("rules.heavy_workers", "1 to 64"),
    "[rules]\nseconds = 0": ("rules.seconds", "1 to 3600 seconds"),
    "[rules]\nheavy_memory_mb = 63": ("rules.heavy_memory_mb", "64 to 65536 megabytes"),
    '[rules]\nengine = " "': ("rules.engine", "workers"),
    '[rules]\nsets = ["a", ""]': ("rules.sets", "directories"),
    "[rules]\nset = []": ("rules.set",),
    "[evidence]\nseal = 1": ("evidence.seal",),
    "[evidence.stamp]\npolicy = 'always'": ("evidence.stamp.policy", "when-possible"),
    "[evidence.stamp]\nurl = 'http://x/'": ("evidence.stamp", "roots"),
    "[evidence.stamp]\nroot = 'x'": ("evidence.stamp.root", "roots"),
    "[admin]\nport = 65536": ("admin.port", "65535"),
    "[admin]\nport = true": ("admin.port", "a whole number"),
    '[admin]\nhost = "0.0.0.0"': ("admin.host", "admin.unsafe_host", "127.0.0.1"),
    '[admin]\nhost = "::"': ("admin.host", "admin.unsafe_host"),
    '[admin]\nhost = "monitor.example.nl"': ("admin.host", "admin.unsafe_host"),
    '[admin]\nhost = "10.0.0.7"\nunsafe_host = " "': ("admin.host", "reason"),
    '[admin]\nhost = ""\nunsafe_host = "x"': ("admin.host", "127.0.0.1"),
    "[admin]\nunsafe_host = true": ("admin.unsafe_host", "a text"),
    '[log]\nformat = "xml"': ("log.format", "json"),
    '[log]\nlevel = "loud"': ("log.level", "warning"),
    "[log]\nlevel = 1": ("log.level", "a text"),
    'tls = "x.pem"': ("tls", "a table"),
    '[tls]\ncert = "x.pem"': ("tls.", "certificate"),
    '[tls]\ncertificate = "x.pem"\nkey = "x.key"\nextra = 1': ("tls.extra", "certificate"),
    '[tls]\ncertificate = "x.pem"': ("tls", "key"),
    '[signing]\nkey = "x.key"': ("signing", "certificate"),
    "[signing]": ("signing", "pkcs12"),
    '[signing]\npassword_file = "x"': ("signing", "pkcs12"),
    '[signing]\npkcs12 = "x.p12"\ncertificate = "x.pem"\nkey = "x.key"': ("signing", "pkcs12"),
    "[tls]\ncertificate = 1": ("tls.certificate", "a path"),
    'role = "back"': ("role", "front"),
    'role = "front"': ("front", "store.url"),
    "[process]\nlease_seconds = 1": ("process.lease_seconds", "2 to 3600"),
    '[store]\nurl = "mysql://a/b"\npayloads = "p"': ("store.url", "postgresql://"),
    '[store]\nurl = "postgresql:a"\npayloads = "p"': ("store.url", "postgresql://"),
    '[store]\nurl = "postgresql://[a/b"\npayloads = "p"': ("store.url", "postgresql://"),
    '[store]\nurl = "postgresql://a/b"': ("store.url", "store.payloads"),
    '[store]\npayloads = "p"': ("store.payloads", "store.url"),
    '[store]\npassword_file = "p"': ("store.password_file", "store.url"),
    "[trust]\nca = 1": ("trust.ca", "a path"),
    '[trust]\ncrl = "x"': ("trust.crl", "crls"),
    '[trust]\ncrl_hosts = "crl.example.nl"': ("trust.crl_hosts", "a list of texts"),
    '[trust]\ncrl_hosts = ["http://crl.example.nl"]': ("trust.crl_hosts", "crl_urls"),
    '[trust]\ncrl_hosts = ["crl.example.nl/a"]': ("trust.crl_hosts", "crl.example.nl/a"),
    '[trust]\ncrl_hosts = [""]': ("trust.crl_hosts", "http"),
    '[trust]\ncrl_urls = ["https://crl.example.nl/a.crl"]': ("trust.crl_urls", "https", "http"),
    '[trust]\ncrl_urls = ["http://a@b/"]': ("trust.crl_urls", "http"),
    '[trust]\ncrl_proxy = "proxy:3128"': ("trust.crl_proxy", "proxy:3128"),
    "[trust]\nreload_seconds = -1": ("trust.reload_seconds", "0"),
    '[trust]\nreload_seconds = "1"': ("trust.reload_seconds", "a whole number"),
    '[security]\nsignature_engine = "fast"': ("security.signature_engine", "native"),
    "[security]\nsignature_engine = 1": ("security.signature_engine", "a text"),
    "[security]\nfault_status = 404": ("security.fault_status", "500"),
    '[security]\nfault_status = "500"': ("security.fault_status", "a whole number"),
    "[security]\nexplain_faults = 1": ("security.explain_faults", "true or false"),
    '[security]\necho_message_id = "yes"': ("security.echo_message_id", "true or false"),
    "[security]\nunsafe_accept_sha1 = true": ("security.unsafe_accept_sha1", "a text"),
    '[security]\noins = ["1"]': ("security.oins", "20"),
    "[security]\nmandates = 1": ("security.mandates", "a list of tables"),
    "[security]\nmandates = [1]": ("security.mandates", "a list of tables"),
    f'[security]\nmandates = [{{ tls = "{OIN}" }}]': ("security.mandates[1].signer", "20"),
    "[security]\nmandates = [{ tls = 1, signer = 2 }]": ("security.mandates[1].tls", "a text"),
    '[security]\nmandates = [{ tls = "1", signer = "2" }]': ("security.mandates[1].tls", "20"),
    f'[security]\nmandates = [{{ tls = "{OIN}", signer = "{OIN}", x = 1 }}]': (
        "security.mandates[1].x",
        "signer",
    ),
    '[security]\nmandates = [{ kind = "x" }]': ("security.mandates[1].kind", "mailbox"),
    f'[security]\nmandates = [{{ kind = "mailbox", oin = "{OIN}" }}]': (
        "security.mandates[1].belanghebbende",
        "type:number",
    ),
    f'[security]\nmandates = [{{ kind = "mailbox", oin = "{OIN}", belanghebbende = "Fi:1*" }}]': (
        "security.mandates[1].belanghebbende",
        "type:number",
    ),
    "party = 1": ("party", "a list of tables"),
    "[party]": ("party", "a list of tables"),
    "[[party]]": ("party[1].oin", "20"),
    "[[party]]\noin = 1": ("party[1].oin", "a text"),
    f'[[party]]\noin = "{OIN}"': (OIN, "operations"),
    f'[[party]]\noin = "{OIN}"\noperations = ["fetch"]': ("party[1].operations", "ophalen"),
    f'[[party]]\noin = "{OIN}"\noperations = "ophalen"': ("party[1].operations", "a list"),
    f'[[party]]\noin = "{OIN}"\noperations = "*"': (OIN, "berichtsoorten", "belanghebbenden"),
    f'[[party]]\noin = "{OIN}"\nberichtsoort = "*"': ("party[1].berichtsoort", "berichtsoorten"),
    f'{ROW}berichtsoorten = "Omzet*"': ("party[1].berichtsoorten", "a list"),
    f"{ROW}berichtsoorten = [1]": ("party[1].berichtsoorten", "a list of texts"),
    f'{ROW}berichtsoorten = ["A*B"]\nbelanghebbenden = "*"': (OIN, "'A*B'"),
    f'{ROW}berichtsoorten = "*"\nbelanghebbenden = ["1"]': (OIN, "type:number"),
    f'{ROW}disabled = "yes"': ("party[1].disabled", "true or false"),
    f"{ROW}disabled = true": ("party[1].", "reason"),
    f'{ROW}reason = "x"': ("party[1].", "disabled"),
    f'{ROW}disabled = false\nreason = "x"': ("party[1].", "disabled"),
    f'{ROW}requests_per_minute = "x"': ("party[1].requests_per_minute", "a whole number"),
    f'{ROW}berichtsoorten = "*"\nbelanghebbenden = "*"\nbytes_per_day = 0': (OIN, "at least 1"),
    f'[[party]]\noin = "{OIN}"\noperations = ["echo"]\n' * 2: (OIN, "two rows"),
    "[process]\nunsafe_sandbox_agency = 1": ("process.unsafe_sandbox_agency", "a text"),
    AUSP.replace('"allow"', '"deny"'): ("authoriser[1].kind", "allow, refuse, program", "'deny'"),
    AUSP.replace("https://ausp.example.nl/", "http://geenausp.nl/"): ("address", "no service"),
    AUSP.replace("https://ausp.example.nl/", ""): ("authoriser.address", "255"),
    AUSP.replace("https://ausp.example.nl/", "x" * 256): ("authoriser.address", "255"),
    AUSP * 2: ("[[authoriser]]", "one address"),
    AUSP.replace('"allow"', '"refuse"'): ("ausp.example.nl", "oins", "berichtsoorten"),
    AUSP.replace('"allow"', '"program"'): ("ausp.example.nl", "factory"),
    f'{AUSP}oins = ["{OIN}"]': ("ausp.example.nl", "refuse"),
    f'{AUSP}oins = ["1"]': ("authoriser[1].oins", "20"),
    f'{AUSP}factory = "a:b"': ("ausp.example.nl", "program"),
    AUSP.replace('"allow"', '"program"\nfactory = "a.b"'): ("module:function", "'a.b'"),
    AUSP.replace('"allow"', '"program"\nfactory = "a..b:c"'): ("module:function", "'a..b:c'"),
    f"{AUSP}url = 1": ("authoriser[1].url", "address"),
    '[process]\nautorisatie_adressen = "x"': ("process.autorisatie_adressen", "a list of texts"),
    "[process]\nrules = 1": ("process.rules", "autorisatie_adressen"),
    'mode = "production"': ("listen.public_urls", "trust.crls"),
    FULL.replace('unsafe_sandbox_agency = "acceptance test"', ""): (
        "process.unsafe_sandbox_agency",
        "sandbox",
    ),
    f'[[party]]\noin = "{OIN}"\noperations = ["echo"]\n': ("party", "sandbox", "production"),
    FULL.replace('"acceptance test"', '" \\t"'): ("process.unsafe_sandbox_agency", "reason"),
    f'{ROW}disabled = true\nreason = " "': ("party[1].", "reason"),
    "[[agency]]": ("agency[1].oin", "20"),
    AGENCY.replace('"there"', '"a b"'): ("agency.name", "'a b'"),
    AGENCY.replace('"there"', '"sandbox"'): ("agency.name", "built-in"),
    AGENCY.replace("https", "http"): ("agency there", "url", "https://"),
    AGENCY.replace("https://", "https://me:s3cr3t@"): ("agency there", "without a user name"),
    f'{AGENCY}signer_oin = "1"\n': ("agency[1].signer_oin", "20"),
    f"{AGENCY}connect_seconds = 0\n": ("agency there", "connect_seconds", "1 to 3600"),
    f"{AGENCY}total_seconds = 3601\n": ("agency there", "total_seconds", "1 to 3600"),
    f"{AGENCY}concurrency = 0\n": ("agency there", "concurrency", "1 to 64"),
    f'{AGENCY}cpa = "osb"\n': ("agency there", "a url and a cpa", "leave one of them out"),
    WITHOUT_URL: ("agency there", "url for WUS", "cpa for ebMS"),
    f'{WITHOUT_URL}ebms_service = "x"\n': ("agency[1].ebms_service", "cpa"),
    f"{WITHOUT_URL}confirm_hours = 3\n": ("agency[1].confirm_hours", "cpa"),
    f'{WITHOUT_URL}cpa = ""\n': ("agency there", "cpa and ebms_service", "without spaces"),
    EBMS.replace("[ebms]\n", ""): ("agency there", "[ebms]", "url"),
    EBMS.replace("[ebms]", "[ebms]\nenabled = false"): ("agency there", "add [ebms]"),
    f'{EBMS}ebms_service = "a b"\n': ("agency there", "cpa and ebms_service"),
    f"{EBMS}confirm_hours = 0\n": ("agency there", "confirm_hours is 1 to 336"),
    f"{EBMS}total_seconds = 5\n": ("agency there", "total_seconds", "WUS"),
    f'{EBMS}ca = "x.pem"\n': ("agency there", "ca, connect_seconds", "WUS"),
    f"{EBMS}concurrency = 65\n": ("agency there", "concurrency", "1 to 64"),
    f"{AGENCY}port = 1\n": ("agency[1].port", "connect_seconds", "signer_oin"),
    AGENCY * 2: ("agency there", "two rows"),
    f'{AGENCY}berichtsoorten = ["X"]\n'
    + AGENCY.replace('"there"', '"here"')
    + 'berichtsoorten = ["X"]\n': ("agency here", "'X'", "there"),
    "[[route]]": ("route[1].berichtsoort",),
    '[[route]]\nberichtsoort = "X"\nontvanger = "1"': ("route[1].ontvanger", "20"),
    '[[route]]\nberichtsoort = "X"\nagent = "1"': ("route[1].agent", "agency", "ontvanger"),
    '[[route]]\nberichtsoort = "X"\n' * 2: ("route 'X'", "two rows"),
    f'{AGENCY}[[route]]\nberichtsoort = "X"\nagency = "elsewhere"\n': (
        "route 'X'",
        "agency 'elsewhere'",
        "add an [[agency]]",
        "there, sandbox",
    ),
    f'{AGENCY}berichtsoorten = ["X"]\n[[route]]\nberichtsoort = "X"\nagency = "sandbox"\n': (
        "route 'X'",
        "agency sandbox",
        "of agency there",
    ),
    FULL.replace('unsafe_sandbox_agency = "acceptance test"', "").replace('"sandbox"', '"none"'): (
        "route 'Proef'",
        "'none'",
    ),
    NO_ROUTES: ("Nothing can be filed", "[[agency]]", "[[route]]"),
    FULL[: FULL.index("[[party]]")]: ("[[party]]", "oin", "operations"),
    "mode = \nport = 1\n": ("no TOML", "line 1"),
    'mode = "sandbox"\nmode = "sandbox"\n': ("no TOML", "line 2"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_a_sentence_that_names_the_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    sentence = str(caught.value)
    for word in WRONG[text]:
        assert word in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_an_agency_is_reached_over_ebms_under_its_agreement(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f'{EBMS}berichtsoorten = ["ICP"]\n')
    (row,) = load_config(path).agencies
    assert row.ebms == EbmsWay("osb-rm-s", "osb:afleveren:1.1$1.0", "urn:osb:services", 24)
    assert (row.oin, row.url, row.reporter) == (OIN, "", OIN)
    assert load_config(path).routing["ICP"].destination == "there"
    more = 'ebms_service = "urn:x"\nebms_service_type = ""\nconfirm_hours = 336\n'
    path.write_text(f"{EBMS}{more}concurrency = 9\n")
    (row,) = load_config(path).agencies
    assert (row.ebms, row.concurrency) == (EbmsWay("osb-rm-s", "urn:x", "", 336), 9)


def test_production_knows_what_is_configured_and_nothing_else(tmp_path: Path) -> None:
    routes = load(tmp_path, FULL).routing
    assert list(routes) == ["Omzetbelasting", "Proef", "ICP"]
    assert [route.destination for route in routes.values()] == [
        "belastingdienst",
        "sandbox",
        "belastingdienst",
    ]
    # Whoever signs for the agency may report on what it was given.
    assert routes["ICP"].agency_oin == routes["Omzetbelasting"].agency_oin == OIN_OF_SIGNER
    own = FULL.replace('agency = "sandbox"', 'agency = "belastingdienst"')
    assert load(tmp_path, own.replace('"acceptance test"', '""')).mode == "production"


def test_a_sandbox_keeps_its_routes_but_for_those_that_are_configured(tmp_path: Path) -> None:
    routes = load(tmp_path, OWN_ROUTES).routing
    assert {name: route.destination for name, route in routes.items()} == {
        "Omzetbelasting": "belastingdienst",
        "ICP": "belastingdienst",
        "OBSUP": "sandbox",
        "Aangifte_LH": "sandbox",
        "TEST": "sandbox",
        "Voorbeeldfactuur": "sandbox",
        "Proef": "sandbox",
    }
    # A row is all that is known; an agency's list changes nothing but who gets it.
    assert routes["Omzetbelasting"].about == "VAT return"
    assert routes["ICP"].belanghebbende_types == ("Fi", "BTW")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gateway:s3cret@db.example.nl/digipoort",
        "postgresql://gateway:@db.example.nl/digipoort",
        "postgresql://db.example.nl/digipoort?user=gateway&password=s3cret",
        "postgresql://db.example.nl/digipoort?sslpassword=s3cret",
        "mysql://gateway:s3cret@db.example.nl/digipoort",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"store\.password_file") as caught:
        load(tmp_path, f'[store]\nurl = "{url}"\npayloads = "p"\n')
    assert "s3cret" not in str(caught.value)


URL = "postgresql://gateway@db.example.nl/digipoort"


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"{URL}?sslmode=require",
        f"{URL}?sslmode=verify-ca",
        f"{URL}?sslmode=verify-full&sslmode=prefer",
        f"{URL}?host=/run/postgresql",
        "postgresql:///digipoort",
        "postgresql:///digipoort?host=/run/postgresql,db.example.nl",
        "postgresql:///digipoort?host=/run/postgresql&hostaddr=10.0.0.7",
    ],
)
def test_production_wants_a_database_that_says_who_it_is(tmp_path: Path, url: str) -> None:
    text = FULL.replace(f"{URL}?sslmode=verify-full", url)
    load(tmp_path, text)  # with the reason
    text = text.replace('unsafe_url = "a private line"', 'unsafe_url = " "')
    with pytest.raises(ConfigurationError, match="sslmode=verify-full"):
        load(tmp_path, text)
    load(tmp_path, f'[store]\nurl = "{url}"\npayloads = "p"\n')  # a sandbox


@pytest.mark.parametrize(
    "url", [f"{URL}?sslmode=verify-full", "postgresql://gateway@/x?host=/run/postgresql"]
)
def test_a_socket_or_tls_to_the_named_server_needs_no_reason(tmp_path: Path, url: str) -> None:
    text = FULL.replace('unsafe_url = "a private line"\n', "")
    assert load(tmp_path, text.replace(f"{URL}?sslmode=verify-full", url)).store_url == url


def test_a_database_in_production_needs_a_key_ring_of_all_machines(tmp_path: Path) -> None:
    text = FULL.replace('key_ring = "/run/secrets/key-ring"\n', "")
    with pytest.raises(ConfigurationError, match=r"needs store\.key_ring"):
        load(tmp_path, text)
    sandbox = load(tmp_path, '[store]\nurl = "postgresql:///x"\npayloads = "p"\n')
    assert sandbox.key_ring == sandbox.data_dir / "key-ring"
    assert sandbox.documents == tmp_path / "p"


def test_white_space_is_no_reason() -> None:
    config = Config(unsafe_accept_sha1=" \n", unsafe_sandbox_agency="\t")
    assert (config.unsafe_accept_sha1, config.unsafe_sandbox_agency) == ("", "")
    assert Config(unsafe_accept_sha1=" old clients ").unsafe_accept_sha1 == "old clients"


def test_a_mode_beside_parties_says_what_becomes_of_others(tmp_path: Path) -> None:
    row = f'[[party]]\noin = "{OIN}"\noperations = ["echo"]\n'
    assert load(tmp_path, f'mode = "sandbox"\n{row}').parties[0].oin == OIN
    assert load(tmp_path, "").mode == "sandbox"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml cannot be read"):
        load_config(tmp_path / "missing.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'mode = "\xe9"')
    with pytest.raises(ConfigurationError, match="is no TOML"):
        load_config(tmp_path / "latin.toml")


def test_a_password_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfe\x80")
    files = IdentityFiles(pkcs12=Path("x.p12"), password_file=tmp_path / "password")
    with pytest.raises(ConfigurationError, match="holds no text in UTF-8"):
        files.load()


def test_identities_are_loaded_from_pem_and_pkcs12(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("test\n")
    certs = CERTS_TEST / "g1"
    pem = IdentityFiles(certs / "vendor-a.pem", certs / "vendor-a.key").load()
    p12 = IdentityFiles(pkcs12=certs / "vendor-a.p12", password_file=tmp_path / "password").load()
    assert pem.certificate == p12.certificate
    assert pem.chain == p12.chain


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (IdentityFiles(), "pkcs12"),
        (IdentityFiles(certificate=Path("x.pem")), "key"),
        (IdentityFiles(Path("x.pem"), Path("x.key")), "x.pem"),
        (IdentityFiles(pkcs12=Path("x.p12")), "x.p12"),
        (IdentityFiles(pkcs12=Path("x.p12"), password_file=Path("no.password")), "no.password"),
        (IdentityFiles(pkcs12=CERTS_TEST / "g1" / "vendor-a.p12"), "password"),
        (
            IdentityFiles(CERTS_TEST / "g1" / "vendor-a.pem", CERTS_TEST / "g1" / "vendor-b.key"),
            "does not belong",
        ),
    ],
)
def test_identities_that_cannot_be_loaded(files: IdentityFiles, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        files.load()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[store.objects]\n", r"store\.objects\.bucket is the name"),
        ('[store.objects]\nbucket = "b"\nkey = "x"\n', r"Unknown key store\.objects\.key"),
        ("[store.objects]\nbucket = 1\n", r"store\.objects\.bucket must be a text"),
        ('[store]\nobjects = "b"\n', r"store\.objects must be a table"),
        (
            '[store.objects]\nbucket = "b"\nendpoint = "http://localhost"\n',
            r"is plain http, .* store\.objects\.unsafe_http",
        ),
    ],
)
def test_what_is_wrong_with_an_object_store_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load(tmp_path, text)


def test_with_objects_a_database_needs_no_directory(tmp_path: Path) -> None:
    text = '[store]\nurl = "postgresql://db/digipoort"\nkey_ring = "ring"\n'
    with pytest.raises(ConfigurationError, match=r"store\.payloads: .* or \[store\.objects\]"):
        load(tmp_path, text)
    config = load(tmp_path, f'{text}[store.objects]\nbucket = "filings"\n')
    assert config.store_payloads is None
    assert config.filled == config.spool == config.data_dir / "spool"
