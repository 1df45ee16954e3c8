"""Every kind of row that a bundle holds, by name."""

from catalog.bundle.catalog_kinds import (
    AliasKind,
    CredentialKind,
    EndpointKind,
    ModelKind,
    PriceKind,
    ProviderKind,
    TargetKind,
)
from catalog.bundle.kind import Kind
from catalog.bundle.tenant_kinds import (
    BudgetKind,
    ContextScopeKind,
    EndUserKind,
    LimitKind,
    OrganizationBudgetKind,
    OrganizationKind,
    ProjectKind,
)

# In the order in which they are written: what is referred to goes first.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        OrganizationKind(),
        ProjectKind(),
        ProviderKind(),
        CredentialKind(),
        EndpointKind(),
        ModelKind(),
        PriceKind(),
        AliasKind(),
        TargetKind(),
        ContextScopeKind(),
        EndUserKind(),
        LimitKind(),
        BudgetKind(),
        OrganizationBudgetKind(),
    )
}
