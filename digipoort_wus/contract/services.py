"""The operations as Spyne services, one Spyne application for each service."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lxml import etree
from spyne import Application, ServiceBase, Unicode, rpc
from spyne.protocol.xml import XmlDocument
from spyne.util.appreg import unregister_application

from digipoort_wus import names
from digipoort_wus.contract import agency_types, mapping, types
from digipoort_wus.contract.pending import Answer, Pending, Request
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.api import MailboxQuery, ProcessApi, Scope

_Handler = Callable[[Request, Any], Pending[Any]]


class ServiceApplication(Application):  # type: ignore[misc]  # Spyne has no types
    """One service of the contract as a Spyne application, served by one process.

    Args:
        service: which one.
        process: whom its operations ask.
    """

    def __init__(self, service: names.Service, process: ProcessApi) -> None:
        spyne_service = _spyne_service(service)
        super().__init__(
            [spyne_service],
            tns=service.namespace,
            name=service.port_type,
            in_protocol=_ElementProtocol(),
            out_protocol=_ElementProtocol(),
        )
        # Spyne keeps every application in a global table, and with it the process.
        unregister_application(self)
        self.service = service
        self.process = process
        self.descriptors: Mapping[str, Any] = MappingProxyType(
            {
                f"{{{service.types}}}{operation.request}": spyne_service.public_methods[
                    operation.name
                ]
                for operation in service.operations
            }
        )
        """Spyne's descriptor of each operation, by the tag of its request element."""


def make_applications(process: ProcessApi) -> Mapping[str, ServiceApplication]:
    """Return the applications of all services, by the name of the service.

    Echo is among them, although it asks the process nothing.
    """
    return MappingProxyType(
        {name: ServiceApplication(service, process) for name, service in names.ENDPOINTS.items()}
    )


class _ElementProtocol(XmlDocument):  # type: ignore[misc]  # Spyne has no types
    """Spyne's XML protocol for elements that our schema has validated."""

    def __init__(self) -> None:
        # xsi:type may not choose a class.
        super().__init__(validator=None, parse_xsi_type=False, polymorphic=False)
        self._attributes: dict[type, Any] = {}
        self._plans: dict[type, _Plan] = {}

    def get_cls_attrs(self, cls: type) -> Any:
        # Spyne asks this some seventy times a request and looks in a dictionary of
        # weak references; our models live as long as the program.
        found = self._attributes.get(cls)
        if found is None:
            found = self._attributes[cls] = super().get_cls_attrs(cls)
        return found

    def complex_from_element(self, ctx: Any, cls: type, element: etree._Element) -> Any:
        # What Spyne does, without a look at each step for what our models never have:
        # attributes, other types by xsi:type, nil, alternative names, soft validation.
        plan = self._plan(cls)
        instance = object.__new__(plan.model)
        values = instance.__dict__
        values.update(plan.empty)
        for child in element:
            member = plan.by_tag.get(str(child.tag))
            if member is None:
                continue
            value = (
                child.text or ""
                if member.is_text
                else self.complex_from_element(ctx, member.model, child)
            )
            if not member.many:
                values[member.name] = value
            elif values[member.name] is None:
                values[member.name] = [value]
            else:
                values[member.name].append(value)
        return instance

    def gen_members_parent(
        self,
        ctx: Any,
        cls: type,
        instance: Any,
        parent: etree._Element,
        tag: str,
        subelts: list[etree._Element],
        add_type: bool,
    ) -> None:
        # As above; Spyne starts several generators for each element.
        element = etree.SubElement(parent, tag)
        element.extend(subelts)
        for member in self._plan(cls).members:
            value = getattr(instance, member.name, None)
            if member.many:
                for one in value or ():
                    self._write(ctx, member, one, element)
            elif value is not None or not member.optional:
                self._write(ctx, member, value, element)

    def _write(self, ctx: Any, member: "_Member", value: Any, parent: etree._Element) -> None:
        if member.is_text and isinstance(value, str):
            etree.SubElement(parent, member.tag).text = value
        elif member.is_text or value is None:
            self.to_parent(ctx, member.model, value, parent, member.namespace, member.name)
        else:
            self.gen_members_parent(ctx, member.model, value, parent, member.tag, [], False)

    def _plan(self, cls: type) -> "_Plan":
        plan = self._plans.get(cls)
        if plan is None:
            plan = self._plans[cls] = _plan_of(cls)
        return plan


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    namespace: str
    tag: str
    model: Any
    is_text: bool
    many: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """How elements of one model are read and written: Spyne's description, looked up once."""

    model: Any
    empty: Mapping[str, None]
    members: tuple[_Member, ...]
    by_tag: Mapping[str, _Member]


def _plan_of(cls: Any) -> _Plan:
    namespace = cls.get_namespace()
    members = tuple(
        _Member(
            name=name,
            namespace=namespace,
            tag=f"{{{namespace}}}{name}",
            model=member,
            is_text=issubclass(member, Unicode),
            many=member.Attributes.max_occurs > 1,
            optional=member.Attributes.min_occurs == 0,
        )
        for name, member in cls.get_flat_type_info(cls).items()
    )
    # A customised model is not to be instantiated, says Spyne; its original is.
    return _Plan(
        model=cls.__orig__ or cls,
        empty=dict.fromkeys(member.name for member in members),
        members=members,
        by_tag={member.tag: member for member in members},
    )


# --- AanleverService ------------------------------------------------------------


def _aanleveren(request: Request, message: types.AanleverRequest) -> Pending[Filing]:
    delivery = mapping.delivery(message, request.parts)
    return Pending(
        request.process.accept(request.caller, delivery),
        lambda filing: Answer(mapping.aanlever_response(filing)),
    )


# --- StatusinformatieService ----------------------------------------------------


def _berichtsoorten(request: Request, message: types.BerichtsoortenVraag) -> Pending[Any]:
    future = request.process.berichtsoorten(
        request.caller,
        mapping.party(message.identiteitBelanghebbende),
        mapping.optional_text(message.autorisatieAdres),
    )
    listing = types.LISTINGS["getBerichtsoorten"]
    return Pending(future, lambda berichtsoorten: Answer(listing.of(berichtsoorten)))


def _processen(request: Request, message: types.ProcessenVraag) -> Pending[Any]:
    future = request.process.processes(
        request.caller,
        mapping.text(message.berichtsoort),
        mapping.party(message.identiteitBelanghebbende),
        mapping.optional_text(message.autorisatieAdres),
    )
    listing = types.LISTINGS["getProcessen"]
    return Pending(future, lambda rows: Answer(listing.of(map(mapping.proces_resultaat, rows))))


def _statussen_proces(operation: str, scope: Scope) -> _Handler:
    listing = types.LISTINGS[operation]

    def handle(request: Request, message: types.KenmerkVraag) -> Pending[Any]:
        future = request.process.process_statuses(
            request.caller,
            mapping.text(message.kenmerk),
            mapping.period(message.tijdstempelVanaf, message.tijdstempelTot),
            scope,
            mapping.optional_text(message.autorisatieAdres),
            request.later,
        )
        return Pending(future, lambda rows: Answer(listing.of(map(mapping.status_resultaat, rows))))

    return handle


def _nieuwe_statussen(request: Request, message: types.StatussenVraag) -> Pending[Any]:
    future = request.process.new_statuses(
        request.caller,
        mapping.text(message.berichtsoort),
        mapping.party(message.identiteitBelanghebbende),
        mapping.period(message.tijdstempelVanaf, message.tijdstempelTot),
        mapping.optional_text(message.autorisatieAdres),
        request.later,
    )
    listing = types.LISTINGS["getNieuweStatussen"]
    return Pending(future, lambda rows: Answer(listing.of(map(mapping.status_resultaat, rows))))


# --- OphaalService --------------------------------------------------------------


def _berichten(operation: str, scope: Scope, query: Callable[[Any], MailboxQuery]) -> _Handler:
    listing = types.LISTINGS[operation]

    def handle(request: Request, message: object) -> Pending[Any]:
        return Pending(
            request.process.messages(request.caller, query(message), scope, request.later),
            lambda messages: mapping.messages_answer(listing, messages),
        )

    return handle


def _berichten_lijst(operation: str, scope: Scope) -> _Handler:
    listing = types.LISTINGS[operation]

    def handle(request: Request, message: types.BerichtenLijstVraag) -> Pending[Any]:
        query = mapping.list_query(message)
        return Pending(
            request.process.message_list(request.caller, query, scope),
            lambda rows: Answer(listing.of(map(mapping.bericht_lijst_resultaat, rows))),
        )

    return handle


# --- Services for agencies ------------------------------------------------------


def _zet_status(request: Request, message: agency_types.ZetStatusRequest) -> Pending[Any]:
    report = mapping.agency_report(message)
    return Pending(
        request.process.report(request.caller, report),
        lambda _: Answer(mapping.zet_status_response(report)),
    )


def _aanbieden(request: Request, message: agency_types.AanbiedRequest) -> Pending[Any]:
    offered = mapping.offered_message(message, request.parts)
    future = request.process.offer(request.caller, offered)
    # Not the message, whose contents nobody needs any more.
    answer = Answer(mapping.aanbied_response(offered))
    return Pending(future, lambda _: answer)


# --- EchoService ----------------------------------------------------------------


def _echo(request: Request, message: types.EchoRequest) -> Pending[Any]:
    answered: Future[None] = Future()
    answered.set_result(None)
    answer = mapping.echo_answer(message, request.parts)
    return Pending(answered, lambda _: answer)


# --- The operations as Spyne wants them -----------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    request: Any
    handle: _Handler


_ENTRIES = MappingProxyType(
    {
        "aanleveren": _Entry(types.AanleverRequest, _aanleveren),
        "aanbieden": _Entry(agency_types.AanbiedRequest, _aanbieden),
        "echo": _Entry(types.EchoRequest, _echo),
        "zetStatus": _Entry(agency_types.ZetStatusRequest, _zet_status),
        "getBerichtsoorten": _Entry(types.BerichtsoortenVraag, _berichtsoorten),
        "getProcessen": _Entry(types.ProcessenVraag, _processen),
        "getStatussenProces": _Entry(
            types.KenmerkVraag, _statussen_proces("getStatussenProces", Scope.ALL)
        ),
        "getNieuweStatussenProces": _Entry(
            types.KenmerkVraag, _statussen_proces("getNieuweStatussenProces", Scope.NEW)
        ),
        "getNieuweStatussen": _Entry(types.StatussenVraag, _nieuwe_statussen),
        "getBerichten": _Entry(
            types.BerichtenVraag, _berichten("getBerichten", Scope.ALL, mapping.messages_query)
        ),
        "getNieuweBerichten": _Entry(
            types.BerichtenVraag,
            _berichten("getNieuweBerichten", Scope.NEW, mapping.messages_query),
        ),
        "getBerichtenLijst": _Entry(
            types.BerichtenLijstVraag, _berichten_lijst("getBerichtenLijst", Scope.ALL)
        ),
        "getNieuweBerichtenLijst": _Entry(
            types.BerichtenLijstVraag, _berichten_lijst("getNieuweBerichtenLijst", Scope.NEW)
        ),
        "getBerichtenKenmerk": _Entry(
            types.KenmerkVraag, _berichten("getBerichtenKenmerk", Scope.ALL, mapping.kenmerk_query)
        ),
        "getNieuweBerichtenKenmerk": _Entry(
            types.KenmerkVraag,
            _berichten("getNieuweBerichtenKenmerk", Scope.NEW, mapping.kenmerk_query),
        ),
    }
)


_RESPONSES = MappingProxyType(
    {
        **types.RESPONSES,
        "zetStatus": agency_types.ZetStatusResponse,
        "aanbieden": agency_types.AanbiedResponse,
    }
)
"""The answers that are no lists, by operation."""


def _spyne_service(service: names.Service) -> Any:
    """Build the class that Spyne wants: one document/literal bare method per operation."""
    methods = {
        operation.name: _spyne_method(service, operation) for operation in service.operations
    }
    return type(ServiceBase)(service.name, (ServiceBase,), methods)


def _spyne_method(service: names.Service, operation: names.Operation) -> Any:
    entry = _ENTRIES[operation.name]
    listing = types.LISTINGS.get(operation.name)
    response = _RESPONSES[operation.name] if listing is None else listing.response

    def run(ctx: Any, message: Any) -> Pending[Any]:
        return entry.handle(ctx.udc, message)

    # Spyne tells operations apart by the name of the function.
    run.__name__ = operation.name
    return rpc(
        entry.request,
        _returns=response,
        _body_style="bare",
        _in_message_name=f"{{{service.types}}}{operation.request}",
        _out_message_name=f"{{{service.types}}}{operation.response}",
    )(run)
