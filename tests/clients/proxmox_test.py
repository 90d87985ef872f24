"""proxmoxer: log-in, tokens, containers and their tasks."""

from __future__ import annotations

import time
from typing import Any

import proxmoxer
import pytest
import requests
from proxmoxer import AuthenticationError, ProxmoxAPI, ResourceException

from tests.clients.sandbox import Sandbox


def client(sandbox: Sandbox, **how: Any) -> Any:
    """Give the library, told another address and nothing else."""
    given = how or {"password": sandbox.secret("proxmox_password")}
    host = sandbox.addresses["proxmox"]
    return ProxmoxAPI(host, user="root@pam", verify_ssl=sandbox.addresses["proxmox_ca_file"], timeout=5, **given)


@pytest.fixture
def pve(sandbox: Sandbox) -> Any:
    """Give the library, logged in."""
    return client(sandbox)


def ended(pve: Any, upid: str) -> str:
    """Wait for a task's end; give how it ended."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        status = pve.nodes("odin").tasks(upid).status.get()
        if status["status"] == "stopped":
            return str(status["exitstatus"])
        time.sleep(0.01)
    msg = f"{upid} did not end"
    raise AssertionError(msg)


def cloned(pve: Any, vmid: int, hostname: str, **how: Any) -> str:
    """Clone the template; give how the task ended."""
    given = how or {"full": 1, "storage": "vm-storage"}
    return ended(pve, pve.nodes("odin").lxc(8011).clone.post(newid=vmid, hostname=hostname, **given))


def text_of(error: ResourceException) -> str:
    """Give all that the library says of an error."""
    return f"{error} {error.errors}"


def a_log_in_gives_a_ticket_that_reads_and_writes(pve: Any) -> None:
    assert pve.version.get()["release"] == "9.1"
    assert [node["node"] for node in pve.nodes.get()] == ["odin"]
    assert pve.nodes("odin").status.get()["pveversion"].startswith("pve-manager/9")
    assert pve.cluster.status.get()[0]["online"] == 1


def a_wrong_password_is_refused_after_a_while(sandbox: Sandbox) -> None:
    sandbox.set(unauthorized_ms=300)
    began = time.monotonic()
    with pytest.raises(AuthenticationError):
        client(sandbox, password="wrong")
    assert time.monotonic() - began >= 0.3


def an_old_ticket_is_refused_and_a_young_one_renews(sandbox: Sandbox, pve: Any) -> None:
    store = pve._store["session"].auth
    url = f"https://{sandbox.addresses['proxmox']}/api2/json"
    verify = sandbox.addresses["proxmox_ca_file"]

    def ask(ticket: str) -> requests.Response:
        return requests.get(f"{url}/version", cookies={"PVEAuthCookie": ticket}, verify=verify, timeout=5)

    sandbox.control("POST", "/clock/jump", {"seconds": 3_700})
    form = {"username": "root@pam", "password": store.pve_auth_ticket}
    renewed = requests.post(f"{url}/access/ticket", data=form, verify=verify, timeout=5)
    assert renewed.status_code == 200
    sandbox.control("POST", "/clock/jump", {"seconds": 3_700})
    old, young = ask(store.pve_auth_ticket), ask(renewed.json()["data"]["ticket"])
    assert (old.status_code, old.text, young.status_code) == (401, "", 200)
    with pytest.raises((AuthenticationError, ResourceException)):
        pve.version.get()


def a_write_without_its_csrf_token_is_refused(sandbox: Sandbox, pve: Any) -> None:
    store = pve._store["session"].auth
    verify = sandbox.addresses["proxmox_ca_file"]
    url = f"https://{sandbox.addresses['proxmox']}/api2/json/nodes/odin/lxc/8011/config"
    cookies = {"PVEAuthCookie": store.pve_auth_ticket}
    form = {"description": "x"}
    for headers in ({}, {"CSRFPreventionToken": "wrong"}):
        answer = requests.put(url, data=form, cookies=cookies, headers=headers, verify=verify, timeout=5)
        assert (answer.status_code, answer.reason) == (401, "Permission denied - invalid csrf token")
    right = {"CSRFPreventionToken": store.csrf_prevention_token}
    assert requests.put(url, data=form, cookies=cookies, headers=right, verify=verify, timeout=5).status_code == 200


def an_api_token_works_without_a_ticket_and_only_with_privileges(sandbox: Sandbox, pve: Any) -> None:
    tokens = pve.access.users("root@pam").token
    made = tokens("trials").post(privsep=0, comment="for trials")
    assert made["full-tokenid"] == "root@pam!trials"
    by_token = client(sandbox, token_name="trials", token_value=made["value"])
    assert by_token.version.get()["version"]
    upid = by_token.nodes("odin").lxc(8011).clone.post(newid=9700, hostname="by-token", full=1)
    assert upid.endswith(":root@pam!trials:")
    assert ended(by_token, upid) == "OK"
    with pytest.raises(ResourceException, match="401"):
        client(sandbox, token_name="trials", token_value="wrong").nodes.get()
    bare = tokens("bare").post()
    with pytest.raises(ResourceException, match="403 Forbidden: Permission check failed"):
        client(sandbox, token_name="bare", token_value=bare["value"]).nodes("odin").lxc(8011).clone.post(newid=9701)
    assert tokens("trials").get()["comment"] == "for trials"
    tokens("trials").put(comment="changed")
    with pytest.raises(ResourceException, match="400"):
        tokens("trials").post()
    tokens("trials").delete()
    with pytest.raises(ResourceException, match="401"):
        by_token.nodes.get()


def a_storage_says_what_it_holds_and_has(pve: Any) -> None:
    found = {item["storage"]: item for item in pve.nodes("odin").storage.get()}
    assert found["vm-storage"]["content"] == "rootdir,images"
    assert [item["storage"] for item in pve.nodes("odin").storage.get(content="rootdir")] == ["vm-storage"]
    assert [item["storage"] for item in pve.nodes("odin").storage.get(storage="local")] == ["local"]


def the_clusters_list_lags_behind_with_names_but_not_with_numbers(sandbox: Sandbox, pve: Any) -> None:
    sandbox.set(list_lag_ms=100_000)
    assert cloned(pve, 9710, "lagging") == "OK"
    resources = {item["vmid"]: item for item in pve.cluster.resources.get(type="vm")}
    assert (resources[9710]["status"], resources[9710].get("name")) == ("unknown", None)
    assert resources[8011]["template"] == 1
    on_node = {item["vmid"]: item for item in pve.nodes("odin").lxc.get()}
    assert on_node[9710]["name"] == "lagging"
    sandbox.set(list_lag_ms=0)
    resources = {item["vmid"]: item for item in pve.cluster.resources.get(type="vm")}
    assert (resources[9710]["status"], resources[9710]["name"]) == ("stopped", "lagging")
    kinds = {item["type"] for item in pve.cluster.resources.get()}
    assert {"lxc", "node", "storage"} <= kinds


def the_next_number_is_free_and_reserves_nothing(pve: Any) -> None:
    first, second = int(pve.cluster.nextid.get()), int(pve.cluster.nextid.get())
    assert first == second
    assert int(pve.cluster.nextid.get(vmid=first)) == first
    with pytest.raises(ResourceException) as refused:
        pve.cluster.nextid.get(vmid=8011)
    assert (refused.value.status_code, refused.value.errors) == (400, {"vmid": "VM 8011 already exists"})


def a_full_clone_is_listed_and_locked_before_it_is_there(sandbox: Sandbox, pve: Any) -> None:
    sandbox.set(clone_ms=6_000_000)
    upid = pve.nodes("odin").lxc(8011).clone.post(newid=9720, hostname="clone", full=1, storage="vm-storage")
    assert upid.split(":")[:2] == ["UPID", "odin"]
    assert upid.split(":")[5:] == ["vzclone", "8011", "root@pam", ""]
    assert 9720 in [item["vmid"] for item in pve.nodes("odin").lxc.get()]
    assert pve.nodes("odin").lxc(9720).config.get()["lock"] == "create"
    assert pve.nodes("odin").lxc(8011).config.get()["lock"] == "disk"
    with pytest.raises(ResourceException, match=r"CT is locked \(disk\)") as second:
        pve.nodes("odin").lxc(8011).clone.post(newid=9721, hostname="second", full=1)
    assert second.value.status_code == 500
    running = pve.nodes("odin").tasks(upid).status.get()
    assert (running["status"], running.get("exitstatus")) == ("running", None)
    assert upid in [task["upid"] for task in pve.nodes("odin").tasks.get(source="active")]
    sandbox.control("POST", "/clock/jump", {"seconds": 61})
    assert ended(pve, upid) == "OK"
    config = pve.nodes("odin").lxc(9720).config.get()
    assert ("lock" in config, "template" in config, config["hostname"]) == (False, False, "clone")
    done = next(task for task in pve.nodes("odin").tasks.get(vmid=8011) if task["upid"] == upid)
    assert done["status"] == "OK"
    log = pve.nodes("odin").tasks(upid).log.get()
    assert (log[0]["n"], log[-1]["t"]) == (1, "TASK OK")
    assert pve.nodes("odin").tasks(upid).log.get(start=1, limit=1)[0]["n"] == 2


def a_linked_clone_takes_no_storage_and_only_a_template(pve: Any) -> None:
    assert cloned(pve, 9730, "linked", full=0) == "OK"
    with pytest.raises(ResourceException, match="parameter 'storage' not allowed for linked clones"):
        pve.nodes("odin").lxc(8011).clone.post(newid=9731, hostname="x", storage="vm-storage")
    with pytest.raises(ResourceException, match="Linked clone"):
        pve.nodes("odin").lxc(9730).clone.post(newid=9731, hostname="x", full=0)
    with pytest.raises(ResourceException, match="storage 'nowhere' does not exist"):
        pve.nodes("odin").lxc(8011).clone.post(newid=9731, hostname="x", full=1, storage="nowhere")


def a_number_that_is_taken_is_said_to_be(pve: Any) -> None:
    assert cloned(pve, 9740, "taken") == "OK"
    with pytest.raises(ResourceException, match="CT 9740 already exists on node 'odin'") as refused:
        pve.nodes("odin").lxc(8011).clone.post(newid=9740, hostname="again", full=1)
    assert refused.value.status_code == 500


def each_wrong_parameter_is_named(pve: Any) -> None:
    clone = pve.nodes("odin").lxc(8011).clone
    unknown = "property is not defined in schema and the schema does not allow additional properties"
    for given, name, why in (
        ({"newid": 9750, "hostnam": "x"}, "hostnam", unknown),
        ({"hostname": "x"}, "newid", "property is missing and it is not optional"),
        ({"newid": "many"}, "newid", "type check ('integer') failed - got 'many'"),
        ({"newid": 99}, "newid", "value must have a minimum value of 100"),
        (
            {"newid": 9750, "hostname": "no_name"},
            "hostname",
            "invalid format - value does not look like a valid DNS name",
        ),
        ({"newid": 9750, "full": "perhaps"}, "full", "type check ('boolean') failed - got 'perhaps'"),
    ):
        with pytest.raises(ResourceException) as refused:
            clone.post(**given)
        assert (refused.value.status_code, refused.value.errors) == (400, {name: why})
        assert "Parameter verification failed." in str(refused.value)
    with pytest.raises(ResourceException, match="400"):
        pve.cluster.resources.get(type="vms")
    with pytest.raises(ResourceException, match="400"):
        pve.nodes("odin").lxc(8011).status.stop.post(timeout=3)


def what_does_not_exist_is_a_500_and_never_a_404(pve: Any) -> None:
    container = pve.nodes("odin").lxc(9999)
    for call in (container.config.get, container.status.current.get, container.status.start.post, container.delete):
        with pytest.raises(ResourceException, match=r"Configuration file .* does not exist") as gone:
            call()
        assert gone.value.status_code == 500
    with pytest.raises(ResourceException, match=r"501 Not Implemented: Method 'GET /nothing' not implemented"):
        pve.nothing.get()
    with pytest.raises(ResourceException, match="400 Bad Request: no such task"):
        pve.nodes("odin").tasks("UPID:odin:00000001:00000001:00000001:vzclone:8011:root@pam:").status.get()
    with pytest.raises(ResourceException, match="unable to parse worker upid"):
        pve.nodes("odin").tasks("nonsense").status.get()
    with pytest.raises(ResourceException, match="595"):
        pve.nodes("thor").lxc.get()


def a_configuration_is_changed_with_its_digest(pve: Any) -> None:
    assert cloned(pve, 9760, "config") == "OK"
    config = pve.nodes("odin").lxc(9760).config
    before = config.get()
    assert (before["cores"], before["memory"], len(before["digest"])) == (1, 512, 40)
    assert config.put(description="one", memory=1_024, digest=before["digest"]) is None
    after = config.get()
    assert (after["description"], after["memory"]) == ("one", 1_024)
    with pytest.raises(ResourceException, match="detected modified configuration"):
        config.put(description="two", digest=before["digest"])
    with pytest.raises(ResourceException, match="no options specified"):
        config.put()
    config.put(delete="description")
    assert "description" not in config.get()
    config.put(hostname="renamed")
    assert config.get()["hostname"] == "renamed"
    upid = pve.nodes("odin").lxc(9760).resize.put(disk="rootfs", size="10G")
    assert ended(pve, upid) == "OK"
    assert "size=10G" in config.get()["rootfs"]


def a_container_starts_shuts_down_stops_and_is_deleted_when_stopped(pve: Any) -> None:
    assert cloned(pve, 9770, "life") == "OK"
    container = pve.nodes("odin").lxc(9770)
    with pytest.raises(ResourceException, match="CT 9770 not running"):
        container.status.stop.post()
    assert ended(pve, container.status.start.post()) == "OK"
    current = container.status.current.get()
    assert (current["status"], current["ha"]) == ("running", {"managed": 0})
    assert container.interfaces.get()[0]["name"] == "eth0"
    with pytest.raises(ResourceException, match="CT 9770 already running"):
        container.status.start.post()
    with pytest.raises(ResourceException, match="unable to destroy CT 9770 - container is running"):
        container.delete()
    assert ended(pve, container.status.shutdown.post(timeout=60)) == "OK"
    assert container.status.current.get()["status"] == "stopped"
    assert ended(pve, container.status.start.post()) == "OK"
    assert ended(pve, container.status.shutdown.post(timeout=0)) != "OK"
    assert ended(pve, container.status.shutdown.post(timeout=0, forceStop=1)) == "OK"
    assert ended(pve, container.status.start.post()) == "OK"
    assert ended(pve, container.status.stop.post()) == "OK"
    upid = container.delete()
    assert upid.split(":")[5] == "vzdestroy"
    assert ended(pve, upid) == "OK"
    assert 9770 not in [item["vmid"] for item in pve.cluster.resources.get(type="vm")]


def a_running_one_is_deleted_only_by_force_and_a_protected_one_not_at_all(pve: Any) -> None:
    assert cloned(pve, 9780, "force") == "OK"
    container = pve.nodes("odin").lxc(9780)
    container.config.put(protection=1)
    with pytest.raises(ResourceException, match="protection mode enabled"):
        container.delete()
    container.config.put(protection=0)
    assert ended(pve, container.status.start.post()) == "OK"
    assert ended(pve, container.delete(force=1, purge=1)) == "OK"


def a_container_under_high_availability_is_deleted_only_with_purge(sandbox: Sandbox, pve: Any) -> None:
    assert cloned(pve, 9785, "guarded") == "OK"
    sandbox.control("PATCH", "/proxmox/guests/9785", {"ha": True})
    container = pve.nodes("odin").lxc(9785)
    assert container.status.current.get()["ha"]["managed"] == 1
    with pytest.raises(ResourceException, match="used in HA resources and purge parameter not set"):
        container.delete()
    assert ended(pve, container.delete(purge=1)) == "OK"


def a_plain_request_on_the_tls_port_is_sent_to_https(sandbox: Sandbox) -> None:
    host = sandbox.addresses["proxmox"]
    for method, status in (("GET", 301), ("HEAD", 301), ("POST", 308)):
        answer = requests.request(method, f"http://{host}/api2/json/version", allow_redirects=False, timeout=10)
        assert answer.status_code == status
        assert answer.headers["location"] == f"https://{host}/api2/json/version"


def a_body_in_chunks_is_refused(sandbox: Sandbox) -> None:
    url = f"https://{sandbox.addresses['proxmox']}/api2/json/access/ticket"
    chunks = iter([b"username=root@pam&", b"password=x"])
    answer = requests.post(url, data=chunks, verify=sandbox.addresses["proxmox_ca_file"], timeout=10)
    assert (answer.status_code, answer.reason) == (501, "chunked transfer encoding not supported")


def a_locked_container_can_do_nothing(sandbox: Sandbox, pve: Any) -> None:
    assert cloned(pve, 9790, "locked") == "OK"
    sandbox.control("PATCH", "/proxmox/guests/9790", {"lock": "backup"})
    container = pve.nodes("odin").lxc(9790)
    for call in (container.delete, lambda: container.config.put(memory=256)):
        with pytest.raises(ResourceException, match=r"CT is locked \(backup\)"):
            call()
    assert ended(pve, container.status.start.post()) == "CT is locked (backup)"
    sandbox.control("PATCH", "/proxmox/guests/9790", {"lock": None})
    assert ended(pve, container.status.start.post()) == "OK"


def a_template_is_not_started(pve: Any) -> None:
    assert "template" in ended(pve, pve.nodes("odin").lxc(8011).status.start.post())


def a_task_ends_with_warnings_or_with_an_error_that_leaves_nothing(sandbox: Sandbox, pve: Any) -> None:
    sandbox.control("POST", "/proxmox/next-task", {"type": "vzclone", "exit": "WARNINGS: 1"})
    assert cloned(pve, 9800, "warned") == "WARNINGS: 1"
    assert pve.nodes("odin").lxc(9800).config.get()["hostname"] == "warned"
    text = "clone failed: cfs-lock 'storage-vm-storage' error: got lock request timeout"
    sandbox.control("POST", "/proxmox/next-task", {"type": "vzclone", "exit": text})
    assert cloned(pve, 9801, "failed") == text
    assert 9801 not in [item["vmid"] for item in pve.nodes("odin").lxc.get()]
    assert "lock" not in pve.nodes("odin").lxc(8011).config.get()
    failures = pve.nodes("odin").tasks.get(errors=1, typefilter="vzclone")
    assert failures[0]["status"] == text
    assert pve.nodes("odin").tasks(failures[0]["upid"]).log.get()[-1]["t"] == f"TASK ERROR: {text}"


def a_running_task_can_be_interrupted(sandbox: Sandbox, pve: Any) -> None:
    sandbox.set(clone_ms=1_000_000)
    upid = pve.nodes("odin").lxc(8011).clone.post(newid=9810, hostname="stopped", full=1)
    assert pve.nodes("odin").tasks(upid).delete() is None
    assert ended(pve, upid) == "interrupted by signal"
    assert 9810 not in [item["vmid"] for item in pve.nodes("odin").lxc.get()]


def a_node_that_does_not_answer_has_a_status_of_its_own(sandbox: Sandbox, pve: Any) -> None:
    for status, reason in ((595, "Connection refused"), (596, "Connection timed out")):
        effect = {"kind": "status", "status": status, "reason": reason}
        sandbox.fault("proxmox", effect, times=1, path="/api2/json/nodes/odin/*")
        with pytest.raises(ResourceException, match=reason) as refused:
            pve.nodes("odin").lxc.get()
        assert refused.value.status_code == status


def a_clone_that_answers_late_is_there_all_the_same(sandbox: Sandbox, pve: Any) -> None:
    impatient = ProxmoxAPI(
        sandbox.addresses["proxmox"],
        user="root@pam",
        password=sandbox.secret("proxmox_password"),
        verify_ssl=sandbox.addresses["proxmox_ca_file"],
        timeout=2,
    )
    sandbox.fault("proxmox", {"kind": "delay", "ms": 4_000}, times=1, path="*/clone")
    with pytest.raises(requests.exceptions.ReadTimeout):
        impatient.nodes("odin").lxc(8011).clone.post(newid=9820, hostname="late", full=1)
    until = time.monotonic() + 30
    while 9820 not in [item["vmid"] for item in pve.nodes("odin").lxc.get()]:
        assert time.monotonic() < until, "the clone never came"
        time.sleep(0.02)


def a_body_where_none_belongs_is_refused(sandbox: Sandbox, pve: Any) -> None:
    store = pve._store["session"].auth
    url = f"https://{sandbox.addresses['proxmox']}/api2/json/version"
    cookies = {"PVEAuthCookie": store.pve_auth_ticket}
    verify = sandbox.addresses["proxmox_ca_file"]
    answer = requests.request("GET", url, data="x=1", cookies=cookies, verify=verify, timeout=5)
    assert answer.status_code == 501
    assert proxmoxer.__version__ == "2.3.0"
