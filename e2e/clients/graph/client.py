"""Makes the calls that an ordinary Python program makes with the Microsoft Graph SDK and
DefaultAzureCredential, and prints one JSON line about how it ended.

  client.py users              lists the users
  client.py life               takes applications, groups, app roles and logs through their lives"""

import asyncio
import json
import sys
import uuid

from azure.identity.aio import DefaultAzureCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import RemovePasswordPostRequestBody
from msgraph.generated.audit_logs.sign_ins.sign_ins_request_builder import SignInsRequestBuilder
from msgraph.generated.directory_objects.get_by_ids.get_by_ids_post_request_body import GetByIdsPostRequestBody
from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder
from msgraph.generated.models.app_role import AppRole
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.application import Application
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.service_principals.service_principals_request_builder import ServicePrincipalsRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator


def query(builder, eventual=False, **options):
    """Makes the configuration of a listing."""
    parameters = next(v for k, v in vars(builder).items() if k.endswith("GetQueryParameters"))
    config = RequestConfiguration(query_parameters=parameters(**options))
    if eventual:
        config.headers.add("ConsistencyLevel", "eventual")
    return config


async def refusal(call):
    """Tells how a call was refused."""
    try:
        await call
        return {"status": 200, "code": ""}
    except ODataError as e:
        return {"status": e.response_status_code, "code": e.error.code if e.error else ""}


async def every(client, first):
    """Follows the pages of a listing with the SDK's own iterator."""
    found = []
    iterator = PageIterator(first, client.request_adapter)
    await iterator.iterate(lambda item: found.append(item) or True)
    return found


async def applications(client, steps):
    """An application with an app role, a secret and a service principal."""
    role = AppRole(id=uuid.uuid4(), allowed_member_types=["Application"], display_name="Read", description="Read", value="Orders.Read", is_enabled=True)
    app = await client.applications.post(Application(display_name="orders", app_roles=[role]))
    one = client.applications.by_application_id(app.id)
    await one.patch(Application(identifier_uris=[f"api://{app.app_id}"], notes="by the SDK"))
    made = await one.add_password.post(AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="ci")))
    again = await one.get()
    steps["application"] = {
        "name": again.display_name, "uris": again.identifier_uris == [f"api://{app.app_id}"], "notes": again.notes, "secret": bool(made.secret_text),
        "shown": [bool(p.secret_text) for p in again.password_credentials], "roles": [r.value for r in again.app_roles]}
    await one.remove_password.post(RemovePasswordPostRequestBody(key_id=made.key_id))
    principal = await client.service_principals.post(ServicePrincipal(app_id=app.app_id))
    steps["service_principal"] = {"name": principal.display_name, "type": principal.service_principal_type, "names": len(principal.service_principal_names)}
    steps["twice"] = await refusal(client.service_principals.post(ServicePrincipal(app_id=app.app_id)))
    steps["enabled_role"] = await refusal(one.patch(Application(app_roles=[])))
    return app, principal, role


async def identities(client, steps, principal, role):
    """Managed identities: found by type, given an app role, seen from the resource."""
    config = query(ServicePrincipalsRequestBuilder, True, filter="servicePrincipalType eq 'ManagedIdentity'", count=True, top=1, select=["id", "displayName", "alternativeNames"])
    page = await client.service_principals.get(config)
    found = await every(client, page)
    steps["identities"] = {"count": page.odata_count == len(found), "names": sorted(f.display_name for f in found), "explicit": all(any("isExplicit" in n for n in f.alternative_names) for f in found)}
    one = client.service_principals.by_service_principal_id(found[0].id)
    body = AppRoleAssignment(principal_id=uuid.UUID(found[0].id), resource_id=uuid.UUID(principal.id), app_role_id=role.id)
    await one.app_role_assignments.post(body)
    at = await client.service_principals.by_service_principal_id(principal.id).app_role_assigned_to.get()
    steps["assigned"] = {"to": [a.principal_id == uuid.UUID(found[0].id) for a in at.value], "type": at.value[0].principal_type}
    steps["assigned_twice"] = await refusal(one.app_role_assignments.post(body))
    steps["identity_changed"] = await refusal(one.patch(ServicePrincipal(notes="x")))
    named = await client.directory_objects.get_by_ids.post(GetByIdsPostRequestBody(ids=[found[0].id, principal.id, str(uuid.uuid4())], types=["servicePrincipal"]))
    steps["by_ids"] = sorted(type(o).__name__ + " " + o.display_name for o in named.value)
    return found[0]


async def groups(client, steps, member):
    """Groups: five on pages of two, one with a member."""
    ids = []
    for i in range(5):
        made = await client.groups.post(Group(display_name=f"group {i}", mail_nickname=f"group{i}", mail_enabled=False, security_enabled=True))
        ids.append(made.id)
    listed = await every(client, await client.groups.get(query(GroupsRequestBuilder, filter="startswith(displayName,'group')", top=2)))
    ordered = await every(client, await client.groups.get(query(GroupsRequestBuilder, orderby=["displayName desc"], top=2)))
    steps["groups"] = {"listed": sorted(g.display_name for g in listed), "ordered": [g.display_name for g in ordered]}
    one = client.groups.by_group_id(ids[0])
    reference = ReferenceCreate(odata_id=f"https://graph.microsoft.com/v1.0/directoryObjects/{member.id}")
    await one.members.ref.post(reference)
    steps["member_twice"] = await refusal(one.members.ref.post(reference))
    steps["members"] = [m.display_name for m in (await one.members.get()).value]
    await one.members.by_directory_object_id(member.id).ref.delete()
    steps["members_left"] = len((await one.members.get()).value)
    for i in ids:
        await client.groups.by_group_id(i).delete()
    steps["group_missing"] = await refusal(one.get())


async def logs(client, steps):
    """The sign-ins of managed identities, and who changed the directory."""
    rows = await client.audit_logs.sign_ins.get(query(SignInsRequestBuilder, filter="signInEventTypes/any(t:t eq 'managedIdentity')", top=5))
    steps["sign_ins"] = {"some": len(rows.value) > 0, "resource": rows.value[0].resource_display_name, "error": rows.value[0].status.error_code}
    steps["interactive"] = len((await client.audit_logs.sign_ins.get()).value)
    changes = await client.audit_logs.directory_audits.get()
    steps["audits"] = {"service": changes.value[0].logged_by_service, "result": changes.value[0].result.value, "by": bool(changes.value[0].initiated_by.app.service_principal_id)}


async def removal(client, steps, app):
    """Deletes the application, and brings it back with its ids."""
    await client.applications.by_application_id(app.id).delete()
    steps["deleted"] = await refusal(client.applications.by_application_id(app.id).get())
    gone = await client.directory.deleted_items.graph_application.get()
    steps["deleted_items"] = [g.display_name for g in gone.value]
    back = await client.directory.deleted_items.by_directory_object_id(app.id).restore.post()
    steps["restored"] = back.app_id == app.app_id
    await client.applications.by_application_id(app.id).delete()


async def main(command):
    """Runs one command."""
    async with DefaultAzureCredential() as credential:
        client = GraphServiceClient(credential, ["https://graph.microsoft.com/.default"])
        if command == "users":
            users = await client.users.get()
            return {"names": [u.display_name for u in users.value]}
        steps = {}
        app, principal, role = await applications(client, steps)
        member = await identities(client, steps, principal, role)
        await groups(client, steps, member)
        await logs(client, steps)
        await removal(client, steps, app)
        return steps


if __name__ == "__main__":
    try:
        print(json.dumps({"ok": True, "steps": asyncio.run(main(sys.argv[1]))}))
    except ODataError as e:
        print(json.dumps({"ok": False, "type": type(e).__name__, "status": e.response_status_code, "code": e.error.code, "message": e.error.message}))
