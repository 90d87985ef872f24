"""Cloudflare's own library: tunnels and DNS records."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

import cloudflare
import pytest
import requests

from tests.clients.sandbox import Sandbox

SECRET = "ab" * 32


def client(sandbox: Sandbox, token: str | None = None) -> cloudflare.Cloudflare:
    """Give the library, told another address and nothing else."""
    return cloudflare.Cloudflare(
        api_token=token or sandbox.secret("cloudflare_api_token"),
        base_url=sandbox.addresses["cloudflare"],
        max_retries=0,
    )


class Edge:
    """The library with the ids that every call needs."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.api = client(sandbox)
        self.account = sandbox.secret("cloudflare_account_id")
        self.zone = sandbox.secret("cloudflare_zone_id")
        self.tunnels = self.api.zero_trust.tunnels.cloudflared
        # Twenty kinds of records, each with its own type: what they share is said by nobody.
        self.records: Any = self.api.dns.records

    def tunnel(self, name: str) -> str:
        """Make a tunnel; give its id."""
        made = self.tunnels.create(account_id=self.account, name=name, tunnel_secret=SECRET)
        assert made.id is not None
        return made.id

    def cname(self, name: str, content: str, **more: Any) -> Any:
        """Make a proxied CNAME."""
        return self.records.create(
            zone_id=self.zone, name=name, type="CNAME", content=content, ttl=1, proxied=True, **more
        )


@pytest.fixture
def edge(sandbox: Sandbox) -> Iterator[Edge]:
    """Give the library with its ids."""
    known = Edge(sandbox)
    with known.api:
        yield known


def code_of(error: cloudflare.APIStatusError) -> tuple[int, int]:
    """Give the status and Cloudflare's own code."""
    body = cast("dict[str, Any]", error.body if isinstance(error.body, dict) else error.response.json())
    assert body["success"] is False
    assert body["result"] is None
    return error.status_code, body["errors"][0]["code"]


def a_tunnel_is_made_read_renamed_and_deleted_softly(edge: Edge) -> None:
    made = edge.tunnels.create(account_id=edge.account, name="service-9001-acme", tunnel_secret=SECRET)
    assert made.id is not None
    assert made.id == made.id.lower()
    assert (made.name, made.status, made.deleted_at) == ("service-9001-acme", "inactive", None)
    assert made.created_at is not None
    renamed = edge.tunnels.edit(made.id, account_id=edge.account, name="service-9001-other")
    assert renamed.name == "service-9001-other"
    gone = edge.tunnels.delete(made.id, account_id=edge.account)
    assert gone.deleted_at is not None
    read = edge.tunnels.get(made.id, account_id=edge.account)
    assert read.deleted_at is not None
    with pytest.raises(cloudflare.NotFoundError):
        edge.tunnels.delete(made.id, account_id=edge.account)
    assert edge.tunnel("service-9001-other") != made.id


def a_name_that_a_live_tunnel_has_is_a_conflict(edge: Edge) -> None:
    edge.tunnel("twice")
    with pytest.raises(cloudflare.ConflictError) as refused:
        edge.tunnel("twice")
    assert code_of(refused.value) == (409, 1013)


def a_list_is_filtered_by_name_prefix_and_deletion(sandbox: Sandbox, edge: Edge) -> None:
    ids = [edge.tunnel(name) for name in ("filter-1-a", "filter-1-ab", "filter-2-a")]

    def names(**filters: Any) -> list[str]:
        return [str(item.name) for item in edge.tunnels.list(account_id=edge.account, **filters)]

    assert names(name="filter-1-a") == ["filter-1-a"]
    assert names(include_prefix="filter-1") == ["filter-1-a", "filter-1-ab"]
    assert "filter-2-a" not in names(exclude_prefix="filter-2")
    edge.tunnels.delete(ids[0], account_id=edge.account)
    assert names(name="filter-1-a") == []
    assert names(name="filter-1-a", is_deleted=True) == ["filter-1-a"]
    assert "filter-1-a" not in names(is_deleted=False)
    sandbox.set(lists_deleted_tunnels=True)
    assert names(name="filter-1-a") == ["filter-1-a"]


def a_list_is_walked_until_its_empty_page(edge: Edge) -> None:
    made = {f"page-{n}" for n in range(5)}
    for name in made:
        edge.tunnel(name)
    first = edge.tunnels.list(account_id=edge.account, include_prefix="page-", per_page=2)
    assert len(first.result) == 2
    assert first.result_info is not None
    walked = [str(item.name) for item in edge.tunnels.list(account_id=edge.account, include_prefix="page-", per_page=2)]
    assert (set(walked), len(walked)) == (made, 5)
    past = edge.tunnels.list(account_id=edge.account, include_prefix="page-", per_page=2, page=4)
    assert past.result == []


def a_token_opens_its_own_tunnel(edge: Edge) -> None:
    tunnel = edge.tunnel("token")
    token = edge.tunnels.token.get(tunnel, account_id=edge.account)
    inner = json.loads(base64.b64decode(token))
    assert (inner["a"], inner["t"]) == (edge.account, tunnel)
    assert base64.b64decode(inner["s"]) == base64.b64decode(SECRET)
    assert edge.tunnels.token.get(tunnel, account_id=edge.account) == token


def a_short_secret_is_refused(edge: Edge) -> None:
    with pytest.raises(cloudflare.BadRequestError):
        edge.tunnels.create(account_id=edge.account, name="short", tunnel_secret="c2hvcnQ=")


def a_configuration_is_replaced_and_numbered_and_ends_with_a_catch_all(edge: Edge) -> None:
    tunnel = edge.tunnel("config")
    rules: Any = [{"hostname": "acme.persys.jp", "service": "http://localhost:80"}, {"service": "http_status:404"}]
    first = edge.tunnels.configurations.update(tunnel, account_id=edge.account, config={"ingress": rules})
    assert first is not None
    assert first.version is not None
    second = edge.tunnels.configurations.update(tunnel, account_id=edge.account, config={"ingress": rules[1:]})
    assert second is not None
    assert second.version == first.version + 1
    read = edge.tunnels.configurations.get(tunnel, account_id=edge.account)
    assert read is not None
    assert read.config is not None
    assert read.config.ingress is not None
    assert [rule.service for rule in read.config.ingress] == ["http_status:404"]
    with pytest.raises(cloudflare.BadRequestError):
        edge.tunnels.configurations.update(tunnel, account_id=edge.account, config={"ingress": rules[:1]})


def a_connected_tunnel_is_not_deleted_until_its_connections_are_forgotten(sandbox: Sandbox, edge: Edge) -> None:
    tunnel = edge.tunnel("connected")
    sandbox.control("POST", "/proxmox/guests", {"vmid": 9901, "hostname": "connected", "status": "running"})
    sandbox.control("POST", f"/cloudflare/tunnels/{tunnel}/connect", {"vmid": 9901})
    assert edge.tunnels.get(tunnel, account_id=edge.account).status == "healthy"
    open_now = edge.tunnels.connections.get(tunnel, account_id=edge.account).result
    assert open_now[0].conns is not None
    assert [conn.is_pending_reconnect for conn in open_now[0].conns] == [False]
    with pytest.raises(cloudflare.BadRequestError) as refused:
        edge.tunnels.delete(tunnel, account_id=edge.account)
    assert code_of(refused.value) == (400, 1022)
    # A living connector comes back at once.
    edge.tunnels.connections.delete(tunnel, account_id=edge.account)
    with pytest.raises(cloudflare.BadRequestError):
        edge.tunnels.delete(tunnel, account_id=edge.account)
    sandbox.control("DELETE", "/proxmox/guests/9901")
    sandbox.control("POST", f"/cloudflare/tunnels/{tunnel}/disconnect", {})
    with pytest.raises(cloudflare.BadRequestError):
        edge.tunnels.delete(tunnel, account_id=edge.account)
    lost = edge.tunnels.connections.get(tunnel, account_id=edge.account).result
    assert lost[0].conns is not None
    assert [conn.is_pending_reconnect for conn in lost[0].conns] == [True]
    edge.tunnels.connections.delete(tunnel, account_id=edge.account)
    assert edge.tunnels.delete(tunnel, account_id=edge.account).deleted_at is not None


def a_label_gets_its_zone_and_is_kept_in_lower_case(edge: Edge) -> None:
    record = edge.cname("Acme", "x.cfargotunnel.com", comment="trial")
    assert (record.name, record.type, record.proxied, record.ttl) == ("acme.persys.jp", "CNAME", True, 1)
    assert edge.records.get(record.id, zone_id=edge.zone).name == "acme.persys.jp"
    gone = edge.records.delete(record.id, zone_id=edge.zone)
    assert gone.id == record.id
    for call in (edge.records.get, edge.records.delete):
        with pytest.raises(cloudflare.NotFoundError) as refused:
            call(record.id, zone_id=edge.zone)
        assert code_of(refused.value) == (404, 81_044)


def each_conflict_of_records_has_its_code(edge: Edge) -> None:
    edge.cname("conflict", "one.cfargotunnel.com")
    for kind, content, code in (
        ("CNAME", "one.cfargotunnel.com", 81_058),
        ("CNAME", "two.cfargotunnel.com", 81_053),
        ("A", "192.0.2.1", 81_054),
    ):
        with pytest.raises(cloudflare.BadRequestError) as refused:
            edge.records.create(zone_id=edge.zone, name="conflict", type=kind, content=content, ttl=1)
        assert code_of(refused.value) == (400, code)
    text = edge.records.create(zone_id=edge.zone, name="conflict", type="TXT", content='"beside"', ttl=300)
    assert text.type == "TXT"


def a_list_of_records_is_filtered_by_name_content_and_comment(edge: Edge) -> None:
    edge.cname("find-a", "find-x.cfargotunnel.com", comment="of trial a")
    edge.cname("find-b", "find-y.cfargotunnel.com")

    def names(**filters: Any) -> list[str]:
        found = edge.records.list(zone_id=edge.zone, **filters)
        return [str(record.name).removesuffix(".persys.jp") for record in found]

    assert names(name={"exact": "find-a.persys.jp"}) == ["find-a"]
    assert names(extra_query={"name": "find-a.persys.jp"}) == ["find-a"]
    assert names(name={"startswith": "find-"}) == ["find-a", "find-b"]
    assert names(content={"exact": "find-y.cfargotunnel.com"}) == ["find-b"]
    assert names(comment={"contains": "trial a"}) == ["find-a"]
    assert names(name={"startswith": "find-"}, comment={"absent": "true"}) == ["find-b"]
    assert names(type="TXT", name={"startswith": "find-"}) == []
    assert names(match="any", name={"exact": "find-a.persys.jp"}, content={"exact": "find-y.cfargotunnel.com"}) == [
        "find-a",
        "find-b",
    ]
    walked = names(name={"startswith": "find-"}, per_page=1)
    assert walked == ["find-a", "find-b"]


def an_edit_merges_and_an_update_replaces(edge: Edge) -> None:
    record = edge.cname("change", "one.cfargotunnel.com", comment="kept")
    edited = edge.records.edit(
        record.id, zone_id=edge.zone, name="change", type="CNAME", ttl=1, content="two.cfargotunnel.com"
    )
    assert (edited.content, edited.comment) == ("two.cfargotunnel.com", "kept")
    replaced = edge.records.update(
        record.id, zone_id=edge.zone, name="change", type="CNAME", ttl=1, content="three.cfargotunnel.com", proxied=True
    )
    assert (replaced.content, replaced.comment) == ("three.cfargotunnel.com", None)
    other = edge.cname("change2", "four.cfargotunnel.com")
    with pytest.raises(cloudflare.BadRequestError) as refused:
        edge.records.edit(other.id, zone_id=edge.zone, name="change", type="CNAME", ttl=1, content="x.example")
    assert code_of(refused.value) == (400, 81_053)


def a_comment_with_a_line_break_or_too_long_is_refused(edge: Edge) -> None:
    for comment in ("two\nlines", "x" * 101):
        with pytest.raises(cloudflare.BadRequestError):
            edge.cname("comment", "x.cfargotunnel.com", comment=comment)


def a_wrong_token_and_a_malformed_header_are_told_apart(sandbox: Sandbox, edge: Edge) -> None:
    with client(sandbox, "wrong" * 8) as stranger, pytest.raises(cloudflare.PermissionDeniedError) as refused:
        stranger.zero_trust.tunnels.cloudflared.list(account_id=edge.account)
    assert code_of(refused.value) == (403, 10_000)
    with pytest.raises(cloudflare.PermissionDeniedError):
        edge.records.list(zone_id="0" * 32)
    url = f"{sandbox.addresses['cloudflare']}/zones/{edge.zone}/dns_records"
    answer = requests.get(url, headers={"Authorization": "Basic x"}, timeout=10)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 6_003)
    assert answer.json()["errors"][0]["error_chain"][0]["code"] == 6_111


def each_misspelt_name_is_refused(edge: Edge) -> None:
    for call in (
        lambda: edge.tunnels.list(account_id=edge.account, extra_query={"is_deletd": "false"}),
        lambda: edge.records.list(zone_id=edge.zone, extra_query={"nmae": "x"}),
        lambda: edge.tunnels.create(account_id=edge.account, name="odd", extra_body={"tunel_secret": SECRET}),
        lambda: edge.cname("odd", "x.example", extra_body={"proxed": True}),
    ):
        with pytest.raises(cloudflare.BadRequestError) as refused:
            call()
        assert refused.value.status_code == 400


def the_limit_of_tunnels_and_of_records_is_kept(sandbox: Sandbox, edge: Edge) -> None:
    state = sandbox.control("GET", "/state/cloudflare")
    live = [tunnel for tunnel in state["tunnels"] if tunnel["deleted_at"] is None]
    sandbox.set(tunnels_max=len(live) + 1, records_max=len(state["records"]) + 1)
    edge.tunnel("last-tunnel")
    with pytest.raises(cloudflare.APIStatusError):
        edge.tunnel("one-too-many")
    edge.cname("last-record", "x.example")
    with pytest.raises(cloudflare.BadRequestError) as refused:
        edge.cname("record-too-many", "x.example")
    assert code_of(refused.value) == (400, 81_045)


def too_many_calls_block_everything_for_five_minutes(sandbox: Sandbox, edge: Edge) -> None:
    sandbox.set(cloudflare_calls_max=5)
    for _ in range(5):
        edge.records.list(zone_id=edge.zone)
    for _ in range(2):
        with pytest.raises(cloudflare.RateLimitError) as refused:
            edge.tunnels.list(account_id=edge.account)
        assert 0 < int(refused.value.response.headers["retry-after"]) <= 300
    assert refused.value.response.headers["ratelimit-policy"] == '"burst";q=100;w=60'
    sandbox.control("POST", "/clock/jump", {"seconds": 301})
    assert edge.records.list(zone_id=edge.zone).result is not None


def a_slow_answer_and_a_lost_one_are_the_librarys_errors(sandbox: Sandbox, edge: Edge) -> None:
    sandbox.fault("cloudflare", {"kind": "delay", "ms": 400}, times=1)
    with pytest.raises(cloudflare.APITimeoutError):
        edge.records.list(zone_id=edge.zone, timeout=0.1)
    sandbox.fault("cloudflare", {"kind": "apply_and_drop"}, times=1, method="POST")
    with pytest.raises(cloudflare.APIConnectionError):
        edge.tunnel("lost-answer")
    with pytest.raises(cloudflare.ConflictError):
        edge.tunnel("lost-answer")
