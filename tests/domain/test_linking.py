"""What logins do to identities: who goes on, who is absorbed, what is refused, and the names."""

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.domain.identities import Identity, IdentityWrite, Login, Merge
from keepstep.domain.limits import DATASET_NAME_LENGTH_MAX, LOGINS_PER_IDENTITY_MAX
from keepstep.domain.linking import (
    Linking,
    change,
    check_developer_user,
    forbidden,
    identity_not_found,
    logins_do_not_match,
    merge_users,
    merged_name,
    merges,
    sign_in,
    sign_in_as,
    unlink,
)
from keepstep.wire.errors import (
    DeveloperUserAlreadyRegisteredException,
    InvalidParameterException,
    NotAuthorizedException,
    ResourceConflictException,
    ResourceNotFoundException,
)

POOL = "us-east-1:00000000-0000-4000-8000-000000000000"
NEW_ID = "us-east-1:99999999-0000-4000-8000-000000000000"
DEVELOPER = "login.app"
NOW = 1_800_000_000_000
_numbers = count(1)

GOOGLE_ALICE = Login("accounts.google.com", "alice")
GOOGLE_BOB = Login("accounts.google.com", "bob")
APPLE_ALICE = Login("appleid.apple.com", "alice")
AMAZON_ALICE = Login("www.amazon.com", "alice")
USER_ALICE = Login(DEVELOPER, "alice")
USER_BOB = Login(DEVELOPER, "bob")


def identity(*logins: Login, **members: Any) -> Identity:
    """Make an identity that is younger than those made before."""
    number = next(_numbers)
    usual: dict[str, Any] = {
        "identity_id": f"us-east-1:{number:08x}-0000-4000-8000-000000000000",
        "identity_pool_id": POOL,
        "creation_date": number,
        "last_modified_date": number,
        "logins": logins,
        "was_authenticated": bool(logins),
        "version": number,
    }
    return Identity(**{**usual, **members})


def test_unknown_logins_get_a_new_identity() -> None:
    for logins in ((), (GOOGLE_ALICE,), (GOOGLE_ALICE, USER_ALICE)):
        assert sign_in(logins, (), DEVELOPER) == Linking(identity=None, logins=logins)


def test_known_logins_get_their_identity_unchanged() -> None:
    owner = identity(GOOGLE_ALICE, APPLE_ALICE)
    decided = sign_in((APPLE_ALICE,), (owner,), None)
    assert decided == Linking(identity=owner)
    assert decided.changes_nothing


def test_unknown_logins_join_the_known_ones() -> None:
    owner = identity(GOOGLE_ALICE)
    decided = sign_in((APPLE_ALICE, GOOGLE_ALICE), (owner,), None)
    assert decided == Linking(identity=owner, logins=(APPLE_ALICE,))
    assert not decided.changes_nothing


def test_the_oldest_of_several_identities_absorbs_the_others() -> None:
    owners = [identity(GOOGLE_ALICE), identity(APPLE_ALICE), identity(USER_ALICE)]
    logins = (USER_ALICE, APPLE_ALICE, AMAZON_ALICE, GOOGLE_ALICE)
    decided = sign_in(logins, owners, DEVELOPER)
    assert decided == Linking(identity=owners[0], logins=(AMAZON_ALICE,), absorbs=tuple(owners[1:]))
    assert not decided.changes_nothing


def test_a_guest_keeps_its_id_with_new_logins() -> None:
    guest = identity()
    logins = (GOOGLE_ALICE, APPLE_ALICE)
    decided = sign_in_as(guest, logins, (), None)
    assert decided == Linking(identity=guest, logins=logins)


def test_a_guest_is_absorbed_by_the_oldest_owner_of_its_logins() -> None:
    guest, older, younger = identity(), identity(GOOGLE_ALICE), identity(APPLE_ALICE)
    decided = sign_in_as(guest, (GOOGLE_ALICE, APPLE_ALICE), (older, younger), None)
    assert decided == Linking(identity=older, absorbs=(younger, guest))


def test_an_identity_with_a_proved_login_absorbs_the_others() -> None:
    older, asked = identity(GOOGLE_ALICE), identity(APPLE_ALICE)
    logins = (GOOGLE_ALICE, APPLE_ALICE, AMAZON_ALICE)
    decided = sign_in_as(asked, logins, (older, asked), None)
    assert decided == Linking(identity=asked, logins=(AMAZON_ALICE,), absorbs=(older,))


def test_a_proved_login_alone_changes_nothing() -> None:
    asked = identity(GOOGLE_ALICE)
    assert sign_in_as(asked, (GOOGLE_ALICE,), (asked,), None).changes_nothing


@pytest.mark.parametrize("other", [GOOGLE_BOB, APPLE_ALICE, USER_ALICE])
def test_an_identity_needs_one_of_its_logins(other: Login) -> None:
    asked, owner = identity(GOOGLE_ALICE), identity(other)
    for owners in ((), (owner,)):
        with pytest.raises(NotAuthorizedException) as caught:
            sign_in_as(asked, (other,), owners, DEVELOPER)
        assert caught.value.message == (
            "Logins don't match. Please include at least one valid login for this identity "
            "or identity pool."
        )


def test_an_identity_without_its_last_login_is_nobodys() -> None:
    lost = identity(was_authenticated=True)
    assert not lost.is_guest
    with pytest.raises(NotAuthorizedException) as caught:
        sign_in_as(lost, (GOOGLE_ALICE,), (), None)
    assert caught.value.message == f"Access to Identity '{lost.identity_id}' is forbidden."


def test_two_logins_of_one_provider_do_not_fit_on_one_identity() -> None:
    alice, bob = identity(GOOGLE_ALICE, APPLE_ALICE), identity(GOOGLE_BOB)
    for decide in (
        lambda: sign_in((APPLE_ALICE, GOOGLE_BOB), (alice,), None),
        lambda: sign_in((APPLE_ALICE, GOOGLE_BOB), (alice, bob), None),
        lambda: sign_in((GOOGLE_ALICE, GOOGLE_BOB), (), None),
        lambda: sign_in_as(alice, (APPLE_ALICE, GOOGLE_BOB), (alice,), None),
        lambda: sign_in_as(alice, (APPLE_ALICE, GOOGLE_BOB), (alice, bob), None),
        lambda: sign_in_as(identity(), (APPLE_ALICE, GOOGLE_BOB), (alice,), None),
        lambda: merge_users(alice, bob, DEVELOPER),
    ):
        with pytest.raises(ResourceConflictException) as caught:
            decide()
        assert GOOGLE_ALICE.provider_name in caught.value.message


def test_two_users_of_the_developer_fit_on_one_identity() -> None:
    alice, bob = identity(USER_ALICE), identity(USER_BOB)
    assert merge_users(alice, bob, DEVELOPER) == Linking(identity=bob, absorbs=(alice,))


def test_an_identity_has_as_many_logins_as_are_allowed() -> None:
    users = [Login(DEVELOPER, str(number)) for number in range(LOGINS_PER_IDENTITY_MAX + 1)]
    most, one = identity(*users[1:-1]), identity(users[0])
    assert merge_users(one, most, DEVELOPER).absorbs == (one,)
    assert sign_in(users[:2], (one,), DEVELOPER).logins == (users[1],)
    full = identity(*users[1:])
    assert sign_in((users[1],), (full,), DEVELOPER).changes_nothing
    for decide in (
        lambda: merge_users(one, full, DEVELOPER),
        lambda: merge_users(full, one, DEVELOPER),
        lambda: sign_in((users[1], GOOGLE_ALICE), (full,), DEVELOPER),
    ):
        with pytest.raises(InvalidParameterException):
            decide()


def test_merging_an_identity_with_itself_changes_nothing() -> None:
    both = identity(USER_ALICE, USER_BOB)
    assert merge_users(both, both, DEVELOPER).changes_nothing


def test_a_user_is_not_registered_under_two_identities() -> None:
    alice, guest = identity(USER_ALICE), identity()
    with pytest.raises(DeveloperUserAlreadyRegisteredException) as caught:
        check_developer_user(guest, USER_ALICE, (alice,), "asked")
    assert caught.value.message.startswith(
        "The developer user identifier is already registered under a different identity."
    )
    assert "asked" in caught.value.message


def test_a_user_may_have_none_or_the_identity_asked_for() -> None:
    alice, other = identity(USER_ALICE), identity(GOOGLE_ALICE)
    check_developer_user(alice, USER_ALICE, (alice, other), "asked")
    check_developer_user(alice, USER_BOB, (other,), "asked")


def test_a_new_identity_is_written_if_its_id_is_free() -> None:
    for logins in ((), (GOOGLE_ALICE,)):
        made = change(Linking(identity=None, logins=logins), NEW_ID, POOL, (), NOW)
        new = Identity(
            identity_id=NEW_ID,
            identity_pool_id=POOL,
            creation_date=NOW,
            last_modified_date=NOW,
            logins=logins,
            was_authenticated=bool(logins),
        )
        assert made.writes == (IdentityWrite(identity=new, expected_version=None),)
        assert (made.identity_pool_id, made.date, made.merges) == (POOL, NOW, ())
        assert new.is_guest == (not logins)


def test_a_linked_login_makes_a_guest_authenticated_for_good() -> None:
    guest = identity()
    (write,) = change(Linking(identity=guest, logins=(GOOGLE_ALICE,)), NEW_ID, POOL, (), NOW).writes
    assert write.expected_version == guest.version
    assert write.identity == msgspec.structs.replace(
        guest,
        logins=(GOOGLE_ALICE,),
        was_authenticated=True,
        last_modified_date=NOW,
        version=guest.version + 1,
    )


def test_absorbed_identities_give_their_logins_and_are_disabled() -> None:
    survivor, guest, other = identity(GOOGLE_ALICE), identity(), identity(APPLE_ALICE)
    named = [Merge(source=guest.identity_id, destination=survivor.identity_id, names={})]
    linking = Linking(identity=survivor, logins=(AMAZON_ALICE,), absorbs=(guest, other))
    made = change(linking, NEW_ID, POOL, named, NOW)
    assert made.merges == tuple(named)
    first, *disabled = (write.identity for write in made.writes)
    assert first.logins == (GOOGLE_ALICE, APPLE_ALICE, AMAZON_ALICE)
    for before, after in zip((guest, other), disabled, strict=True):
        assert after == msgspec.structs.replace(
            before,
            logins=(),
            merged_into=survivor.identity_id,
            last_modified_date=NOW,
            version=before.version + 1,
        )
        assert after.disabled
        assert not after.is_guest
    assert [write.expected_version for write in made.writes] == [
        survivor.version,
        guest.version,
        other.version,
    ]


def test_unlinking_leaves_the_other_logins_in_order() -> None:
    before = identity(GOOGLE_ALICE, APPLE_ALICE, USER_ALICE)
    (write,) = unlink(before, [APPLE_ALICE], NOW).writes
    assert write.identity.logins == (GOOGLE_ALICE, USER_ALICE)
    assert write.expected_version == before.version


def test_unlinking_the_last_login_leaves_no_guest() -> None:
    (write,) = unlink(identity(GOOGLE_ALICE), [GOOGLE_ALICE], NOW).writes
    assert write.identity.logins == ()
    assert not write.identity.is_guest
    assert not write.identity.disabled


def test_no_names_are_needed_without_an_absorbed_identity() -> None:
    assert merges(Linking(identity=None), {}) == []
    assert merges(Linking(identity=identity(), logins=(GOOGLE_ALICE,)), {}) == []


def test_each_existing_dataset_is_named_after_the_identity_it_came_from() -> None:
    survivor, first, second = identity(), identity(), identity()
    linking = Linking(identity=survivor, absorbs=(first, second))
    found = merges(
        linking,
        {
            survivor.identity_id: {"things": True},
            first.identity_id: {"things": True, "notes": True, "deleted": False},
            second.identity_id: {"things": True},
        },
    )
    assert found == [
        Merge(
            source=one.identity_id,
            destination=survivor.identity_id,
            names={name: f"{name}.{one.identity_id}" for name in names},
        )
        for one, names in ((first, ("notes", "things")), (second, ("things",)))
    ]


def test_a_dataset_is_renamed_also_if_the_survivor_has_none_of_its_name() -> None:
    survivor, guest = identity(), identity()
    linking = Linking(identity=survivor, absorbs=(guest,))
    datasets = {survivor.identity_id: {}, guest.identity_id: {"things": True}}
    (merge,) = merges(linking, datasets)
    assert merge.names == {"things": f"things.{guest.identity_id}"}


def test_nested_merges_name_every_identity_on_the_way() -> None:
    a, b, c = identity(), identity(), identity()
    (inner,) = merges(
        Linking(identity=b, absorbs=(c,)),
        {b.identity_id: {}, c.identity_id: {"things": True}},
    )
    (outer,) = merges(
        Linking(identity=a, absorbs=(b,)),
        {a.identity_id: {}, b.identity_id: dict.fromkeys(inner.names.values(), True)},
    )
    assert list(outer.names.values()) == [f"things.{c.identity_id}.{b.identity_id}"]


def test_a_name_used_before_is_not_used_again() -> None:
    survivor, guest = identity(), identity()
    taken = f"things.{guest.identity_id}"
    (merge,) = merges(
        Linking(identity=survivor, absorbs=(guest,)),
        {survivor.identity_id: {taken: False}, guest.identity_id: {"things": True}},
    )
    assert merge.names == {"things": f"things-2.{guest.identity_id}"}


def test_names_that_become_alike_when_cut_are_told_apart() -> None:
    survivor, guest = identity(), identity()
    long = ["x" * 127 + end for end in "abc"]
    (merge,) = merges(
        Linking(identity=survivor, absorbs=(guest,)),
        {survivor.identity_id: {}, guest.identity_id: dict.fromkeys(long, True)},
    )
    names = [merge.names[name] for name in long]
    assert {len(name) for name in names} == {DATASET_NAME_LENGTH_MAX}
    assert [name.strip("x") for name in names] == [
        f"{number}.{guest.identity_id}" for number in ("", "-2", "-3")
    ]


dataset_names = st.text("abx.:_-", min_size=1, max_size=DATASET_NAME_LENGTH_MAX)


@given(
    name=dataset_names,
    identity_id=st.sampled_from([NEW_ID, "ap-southeast-2" + NEW_ID[9:], "x" * 18 + NEW_ID[9:]]),
    times=st.integers(1, 12),
)
def test_a_merged_name_is_new_valid_and_its_own(name: str, identity_id: str, times: int) -> None:
    taken: set[str] = set()
    for _ in range(times):
        merged = merged_name(name, identity_id, taken)
        assert merged not in taken
        assert 0 < len(merged) <= DATASET_NAME_LENGTH_MAX
        assert merged.endswith(f".{identity_id}")
        taken.add(merged)
    if len(name) + 1 + len(identity_id) <= DATASET_NAME_LENGTH_MAX:
        assert f"{name}.{identity_id}" in taken


logins_of_providers = st.lists(
    st.builds(Login, st.sampled_from(["a", "b", DEVELOPER]), st.sampled_from("123")), unique=True
)


@given(st.lists(logins_of_providers, max_size=4), st.data())
def test_a_linking_keeps_every_login_once_and_no_provider_twice(
    given_logins: list[list[Login]], data: st.DataObject
) -> None:
    taken: set[Login] = set()
    identities: list[Identity] = []
    for logins in given_logins:
        own = {login.provider_name: login for login in logins if login not in taken}
        taken.update(own.values())
        identities.append(identity(*own.values()))
    proofs = tuple(data.draw(logins_of_providers, "logins of the call"))
    owners = [one for one in identities if set(one.logins) & set(proofs)]
    try:
        if identities and data.draw(st.booleans(), "names an identity"):
            decided = sign_in_as(identities[0], proofs, owners, DEVELOPER)
        else:
            decided = sign_in(proofs, owners, DEVELOPER)
    except (ResourceConflictException, NotAuthorizedException):
        return
    made = change(decided, NEW_ID, POOL, (), NOW)
    after = [login for write in made.writes for login in write.identity.logins]
    touched = [one for one in (decided.identity, *decided.absorbs) if one is not None]
    assert len(after) == len(set(after))
    assert set(after) == {login for one in touched for login in one.logins} | set(proofs)
    public = [login.provider_name for login in after if login.provider_name != DEVELOPER]
    assert len(public) == len(set(public))
    assert set(proofs) <= set(made.writes[0].identity.logins)


def test_texts_that_clients_compare_are_exact() -> None:
    assert identity_not_found("id").message == "Identity 'id' not found."
    assert isinstance(identity_not_found("id"), ResourceNotFoundException)
    assert forbidden("id").message == "Access to Identity 'id' is forbidden."
    assert isinstance(logins_do_not_match(), NotAuthorizedException)
