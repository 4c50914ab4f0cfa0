"""配信: a server for each role, what stands in its way, and what can be done with it once it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.context import Context

from workbench.serving.docking import Connect, connect
from workbench.ui.components import command_line, json_view, labels_of, log_view
from workbench.ui.context import UiContext
from workbench.ui.engine_look import EngineLook
from workbench.ui.forms import Form, build_form
from workbench.ui.handlers import QUIET, ui_handler
from workbench.ui.handover import OPEN, Handed, Target, handed_state, receive
from workbench.ui.tabs import serve_form as form
from workbench.ui.tabs import serve_load
from workbench.ui.tabs import serve_page as page
from workbench.ui.tabs.endpoints import build_endpoints
from workbench.ui.tabs.ticking import BUSY, ON, SKIP, follow, page_token
from workbench.ui.views.html import el, join, paragraph


@dataclass(frozen=True)
class SetupParts:
    """The components of the settings."""

    title: gr.HTML
    box: gr.Accordion
    engine: gr.Dropdown
    about: gr.HTML
    model: gr.Dropdown
    adapters: gr.Dropdown
    fields: Form
    rights: gr.Column
    rights_text: gr.HTML
    container: gr.Column
    checks: gr.HTML
    start: gr.Button
    check: gr.Button
    run_command: gr.HTML

    @property
    def inputs(self) -> list[Any]:
        """What `serve_form.named` is given, in its order."""
        return [self.engine, self.model, self.adapters, *(self.fields[name] for name in form.FIELDS)]


@dataclass(frozen=True)
class Parts:
    """The components that handlers read or write."""

    cards: gr.HTML
    engine: gr.HTML
    live: gr.Column
    facts: gr.HTML
    usable: gr.Row
    starting: gr.Column
    uses: dict[Target, gr.Button]
    log: gr.HTML
    others_box: gr.Column
    others: gr.HTML
    leftovers_box: gr.Row
    leftovers: gr.HTML
    clear: gr.Button
    chosen: gr.State
    token: gr.State
    command: gr.HTML

    @property
    def shown(self) -> list[Any]:
        """Outputs of `serve_page.show_cards`, in its order."""
        return [
            *(self.cards, self.engine, self.facts, self.live, self.usable, self.log, self.starting),
            *(self.others, self.others_box, self.leftovers_box, self.leftovers),
        ]


def build(ctx: UiContext) -> None:
    """Lay out the tab."""
    title = el("h1", ctx.t("serve_tab.title"))
    gr.HTML(join([title, paragraph(ctx.t("serve_tab.lead"), "wb-soft")]), elem_classes="wb-html")
    found: dict[str, Any] = {"chosen": gr.State("before"), "token": page_token()}
    found["cards"] = json_view(
        "servers",
        elem_id="serve-cards",
        labels=labels_of(ctx, "serve_tab.card", ("confirm", "details", "model")),
        scripts=("cards.js", "serve.js"),
        classes=("sv-cards",),
    )
    found["engine"] = gr.HTML(elem_id="serve-engine", elem_classes="wb-html")
    with gr.Column(elem_classes="wb-card", elem_id="serve-panel"):
        title_of_role = gr.HTML(elem_id="serve-title", elem_classes="wb-html")
        found |= _lay_out_live(ctx)
        with gr.Column(elem_id="serve-starting") as found["starting"]:
            asked = _lay_out_setup(ctx)
        run_command = command_line(ctx, "serve-docker-run")
    setup = SetupParts(title=title_of_role, run_command=run_command, **asked)
    found |= _lay_out_others(ctx)
    with gr.Accordion(
        ctx.t("settings.endpoints.title"), open=False, elem_classes="wb-card", elem_id="serve-outside"
    ):
        gr.HTML(paragraph(ctx.t("serve_tab.outside.lead"), "wb-soft"), elem_classes="wb-html")
        build_endpoints(ctx, "serve-endpoints", "serve-endpoint")
    serve_load.build(ctx)
    found["command"] = command_line(ctx, "serve-command")
    _wire(ctx, Parts(**found), setup)


def _lay_out_live(ctx: UiContext) -> dict[str, Any]:
    found: dict[str, Any] = {"uses": {}}
    with gr.Row(visible=False, elem_classes="wb-buttons") as usable:
        for place, target in enumerate(page.TARGETS):
            found["uses"][target] = gr.Button(
                ctx.t(f"serve_tab.use.{target}"),
                variant="secondary" if place else "primary",
                elem_id=f"serve-use-{target}",
            )
    with gr.Column(visible=False, elem_id="serve-live") as live:
        with gr.Accordion(
            ctx.t("serve_tab.facts"), open=False, elem_classes="wb-more", elem_id="serve-facts-box"
        ):
            found["facts"] = gr.HTML(elem_id="serve-facts", elem_classes="wb-html")
        with gr.Accordion(
            ctx.t("serve_tab.log"), open=False, elem_classes="wb-more", elem_id="serve-log-box"
        ):
            found["log"] = log_view(ctx, "serve-log")
    return {**found, "live": live, "usable": usable}


def _lay_out_setup(ctx: UiContext) -> dict[str, Any]:
    found: dict[str, Any] = {}
    gr.HTML(el("h3", ctx.t("serve_tab.check.title")), elem_classes="wb-html")
    found["checks"] = gr.HTML(elem_id="serve-checks", elem_classes="wb-html")
    with gr.Row(elem_classes="wb-buttons"):
        found["start"] = gr.Button(ctx.t("serve_tab.do.start"), variant="primary", elem_id="serve-start")
        found["check"] = gr.Button(ctx.t("serve_tab.do.check"), elem_id="serve-check")
    with gr.Accordion(
        ctx.t("serve_tab.setup"), open=False, elem_classes="wb-more", elem_id="serve-setup"
    ) as found["box"]:
        found |= _lay_out_choice(ctx)
        found["fields"] = build_form(form.ServeConfig, "serve", ctx, fields=form.KNOBS, columns=3)
        with gr.Column(visible=False, elem_id="serve-rights") as found["rights"]:
            found["rights_text"] = gr.HTML(elem_id="serve-rights-text", elem_classes="wb-html")
            found["fields"] |= build_form(form.ServeConfig, "serve", ctx, fields=form.RIGHTS)
        with gr.Accordion(ctx.t("form.advanced"), open=False, elem_classes="wb-more", elem_id="serve-more"):
            found["fields"] |= build_form(form.ServeConfig, "serve", ctx, fields=form.MORE, columns=3)
            with gr.Column(visible=False, elem_id="serve-container") as found["container"]:
                found["fields"] |= build_form(
                    form.ServeConfig, "serve", ctx, fields=form.CONTAINER, columns=3
                )
    return found


def _lay_out_choice(ctx: UiContext) -> dict[str, Any]:
    engine = gr.Dropdown(
        form.engine_choices(ctx), value="embedded", elem_id="serve-engine-choice", **_said(ctx, "engine")
    )
    about = gr.HTML(elem_id="serve-about", elem_classes="wb-html")
    with gr.Row(equal_height=True):
        model = gr.Dropdown([], allow_custom_value=True, elem_id="serve-model", **_said(ctx, "model"))
        adapters = gr.Dropdown([], multiselect=True, elem_id="serve-adapters", **_said(ctx, "adapters"))
    return {"engine": engine, "about": about, "model": model, "adapters": adapters}


def _said(ctx: UiContext, name: str) -> dict[str, Any]:
    return {
        "label": ctx.t(f"field.ServeConfig.{name}.label"),
        "info": ctx.t(f"field.ServeConfig.{name}.hint"),
    }


def _lay_out_others(ctx: UiContext) -> dict[str, Any]:
    with gr.Column(visible=False, elem_classes="wb-card", elem_id="serve-others-box") as box:
        title = el("h2", ctx.t("serve_tab.others"))
        gr.HTML(join([title, paragraph(ctx.t("serve_tab.others.lead"), "wb-soft")]), elem_classes="wb-html")
        with gr.Row(visible=False, elem_classes="sv-leftovers") as leftovers_box:
            leftovers = gr.HTML(elem_id="serve-leftovers", elem_classes="wb-html")
            clear = gr.Button(ctx.t("serve_tab.leftovers.clear"), elem_id="serve-clear")
        labels = labels_of(ctx, "serve_tab.card", ("confirm",)) | {"empty": ctx.t("serve_tab.others.none")}
        others = json_view("table", elem_id="serve-others", labels=labels, scripts=("cards.js",))
    names = ("others_box", "others", "leftovers_box", "leftovers", "clear")
    return dict(zip(names, (box, others, leftovers_box, leftovers, clear), strict=True))


# ---- wiring


def _wire(ctx: UiContext, parts: Parts, setup: SetupParts) -> None:
    reach = ctx.services.connect_engine or connect
    look = EngineLook(reach, ctx.workspace)
    _wire_look(ctx, parts, look)
    _wire_setup(ctx, parts, setup, reach)
    _wire_cards(ctx, parts, setup, look, reach)
    _wire_others(ctx, parts, look, reach)
    _wire_uses(ctx, parts, look)


def _show(look: EngineLook) -> Any:
    def show(ctx: UiContext, chosen: str) -> list[Any]:
        return page.show_cards(ctx, look, chosen)

    return show


def _wire_look(ctx: UiContext, parts: Parts, look: EngineLook) -> None:
    events: Any = parts.chosen
    follow(ctx, _show(look), inputs=[parts.chosen], outputs=parts.shown, extra=events.change)


def _wire_setup(ctx: UiContext, parts: Parts, setup: SetupParts, reach: Connect) -> None:
    events: Any = parts.chosen
    blocks: Any = Context.root_block

    def choose(ctx: UiContext, chosen: str, handed: Handed | None) -> list[Any]:
        role = page.check_role(chosen)
        title = ctx.t("serve_tab.setup.title", role=ctx.t(f"serve_tab.role.{role}"))
        about = paragraph(ctx.t(f"serve_tab.role.{role}.about"), "wb-soft")
        filled = form.fill_form(ctx, role, handed)
        return [join([el("h2", title), about]), *filled, *form.show_engine(ctx, str(filled[0]))]

    def take(ctx: UiContext, handed: Handed) -> list[Any]:
        return [form.HANDED_ROLE, *choose(ctx, form.HANDED_ROLE, handed)]

    def check(ctx: UiContext, chosen: str, *values: Any) -> list[Any]:
        return form.show_plan(ctx, reach, page.check_role(chosen), form.named(values))

    shown = [setup.about, setup.rights_text, setup.rights, setup.container]
    filled = [setup.title, *setup.inputs, *shown]
    ON([events.change, blocks.load], ui_handler(ctx, choose), [parts.chosen, handed_state()], filled, **QUIET)
    receive(ctx, "serve", take, [parts.chosen, *filled])
    chosen = [setup.engine, setup.model, setup.adapters]
    belongs = [setup.model, setup.adapters, *shown]
    setup.engine.input(ui_handler(ctx, form.choose_engine), chosen, belongs, **QUIET)
    setup.model.input(ui_handler(ctx, form.choose_model), chosen, setup.adapters, **QUIET)
    told = [setup.checks, parts.command, setup.run_command]
    asked = [parts.chosen, *setup.inputs]
    watched = [parts.chosen.change, *(component.change for component in setup.inputs)]
    ON(watched, ui_handler(ctx, check), asked, told, trigger_mode="always_last", **BUSY)
    setup.check.click(ui_handler(ctx, check), asked, told, **BUSY)


def _wire_cards(ctx: UiContext, parts: Parts, setup: SetupParts, look: EngineLook, reach: Connect) -> None:
    def press(ctx: UiContext, event: gr.EventData, chosen: str, token: str, *values: Any) -> list[Any]:
        state = {"chosen": chosen, "token": token, "values": form.named(values)}
        role, stands = page.press_card(ctx, look, reach, event, state)
        return [role, SKIP if stands is None else stands]

    def start(ctx: UiContext, chosen: str, token: str, *values: Any) -> Any:
        config = form.read_config(page.check_role(chosen), form.named(values))
        stands = page.start_server(ctx, look, reach, config, token, warned=True)
        return SKIP if stands is None else stands

    given = [parts.chosen, parts.token, *setup.inputs]
    events: Any = parts.cards
    once: dict[str, Any] = {**BUSY, "trigger_mode": "once"}
    shown = ui_handler(ctx, _show(look))
    pressed = events.click(ui_handler(ctx, press), given, [parts.chosen, setup.checks], **once)
    pressed.success(shown, parts.chosen, parts.shown, **QUIET)
    started = setup.start.click(ui_handler(ctx, start), given, setup.checks, **once)
    started.success(shown, parts.chosen, parts.shown, **QUIET)


def _wire_others(ctx: UiContext, parts: Parts, look: EngineLook, reach: Connect) -> None:
    def press(ctx: UiContext, event: gr.EventData) -> None:
        page.press_other(ctx, look, reach, event)

    def clear(ctx: UiContext) -> None:
        count = page.clear_leftovers(ctx, look, reach)
        gr.Info(ctx.t("serve_tab.leftovers.cleared", count=count), title=ctx.t("toast.done"))

    events: Any = parts.others
    once: dict[str, Any] = {**BUSY, "trigger_mode": "once"}
    events.click(ui_handler(ctx, press), None, None, **once)
    parts.clear.click(ui_handler(ctx, clear), None, None, **once)


def _wire_uses(ctx: UiContext, parts: Parts, look: EngineLook) -> None:
    state = handed_state()
    for target, button in parts.uses.items():
        press = _user(look, target)
        handed = button.click(ui_handler(ctx, press), parts.chosen, state, trigger_mode="once", **QUIET)
        handed.success(None, js=OPEN % target, **QUIET)


def _user(look: EngineLook, target: Target) -> Any:
    def use(ctx: UiContext, chosen: str) -> Handed:
        return page.hand_over(ctx, look, chosen, target)

    return use
