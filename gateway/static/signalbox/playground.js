// Sends what the form says, and shows what comes back while it comes. Whatever is shown
// is put into the page as text, never as markup.
(() => {
    const form = document.getElementById("playground");
    const byId = (name) => document.getElementById(`playground-${name}`);
    const places = JSON.parse(byId("places").textContent);
    const field = (name) => form.elements[name];
    let running = null;
    let said = "";

    function show(element, isShown) {
        element.hidden = !isShown;
    }

    function element(tag, text, className) {
        const made = document.createElement(tag);
        made.textContent = text;
        if (className) {
            made.className = className;
        }
        return made;
    }

    function fact(list, name, value) {
        if (value === null || value === undefined || value === "") {
            return;
        }
        list.append(element("dt", name), element("dd", String(value)));
    }

    function linkedFact(list, name, text, address) {
        const link = element("a", text, "sb-link");
        link.href = address;
        const holder = document.createElement("dd");
        holder.append(link);
        list.append(element("dt", name), holder);
    }

    function status(text, className) {
        byId("status").textContent = text;
        byId("status").className = className || "sb-muted";
    }

    function clearMistakes() {
        show(byId("error"), false);
        for (const each of form.querySelectorAll("[data-mistake]")) {
            show(each, false);
        }
    }

    function showMistakes(errors) {
        const general = [];
        for (const [name, texts] of Object.entries(errors)) {
            const place = form.querySelector(`[data-field="${CSS.escape(name)}"] [data-mistake]`);
            if (place) {
                place.textContent = texts.join(" ");
                show(place, true);
            } else {
                general.push(...texts);
            }
        }
        byId("error").textContent = general.join(" ");
        show(byId("error"), general.length > 0);
    }

    async function refusal(response) {
        const type = response.headers.get("content-type") || "";
        if (type.includes("json")) {
            showMistakes((await response.json()).errors || {});
        } else {
            const text = response.redirected || response.status === 403
                ? "You are signed out, or may not do this any more. Load the page again."
                : `The server answered with ${response.status}.`;
            showMistakes({ __all__: [text] });
        }
    }

    function begin() {
        clearMistakes();
        for (const name of ["answer", "facts", "candidates", "headers", "raw", "ordered"]) {
            byId(name).replaceChildren();
        }
        show(byId("route"), false);
        show(byId("details"), false);
        show(byId("stop"), true);
        status("Asking…");
    }

    function explained(told) {
        show(byId("route"), true);
        const name = told.alias ? `Alias ${told.alias}` : told.model;
        byId("ordered").textContent =
            `${name}, ordered by ${told.strategy}; about ${told.input_tokens} tokens of input.`;
        const rows = byId("candidates");
        for (const each of told.candidates) {
            const row = document.createElement("tr");
            row.append(
                element("td", each.rank),
                element("td", each.name),
                element("td", each.expected_usd ?? "unknown", "sb-number"),
                element("td", each.health),
            );
            rows.append(row);
        }
        for (const each of told.dropped) {
            const row = element("tr", "", "sb-muted");
            row.append(
                element("td", "-"),
                element("td", each.name),
                element("td", "", "sb-number"),
                element("td", `dropped: ${each.reason}`),
            );
            rows.append(row);
        }
    }

    function head(told) {
        show(byId("details"), true);
        const isGood = told.status < 400;
        status(`HTTP ${told.status}`, isGood ? "sb-good" : "sb-bad");
        for (const [name, value] of told.headers) {
            fact(byId("headers"), name, value);
        }
        const headers = Object.fromEntries(told.headers);
        const facts = byId("facts");
        if (headers["x-signalbox-provider"]) {
            const model = `${headers["x-signalbox-provider"]}/${headers["x-signalbox-model"]}`;
            fact(facts, "Answered by", model);
        }
        if (headers["x-signalbox-fallback"] === "true") {
            fact(facts, "Fallback", `yes, after ${headers["x-signalbox-attempts"]} attempts`);
        }
        if (["hit", "coalesced"].includes(headers["x-signalbox-cache"])) {
            fact(facts, "Cache", headers["x-signalbox-cache"]);
        }
        if (headers["x-request-id"]) {
            const id = headers["x-request-id"];
            linkedFact(facts, "Request", id, `${form.dataset.requests}?id=${encodeURIComponent(id)}`);
        }
    }

    function end(told) {
        const facts = byId("facts");
        if (told.error) {
            status(told.error, "sb-bad");
            return;
        }
        if (told.input_tokens !== undefined) {
            const about = told.is_estimated ? "about " : "";
            fact(facts, "Cost", told.cost_usd === null ? "unknown" : `$${told.cost_usd}`);
            fact(facts, "Tokens", `${about}${told.input_tokens} in, ${told.output_tokens} out`);
        }
        if (told.first_token_ms) {
            fact(facts, "First token", `${Math.round(told.first_token_ms)} ms`);
        }
        fact(facts, "Time", `${Math.round(told.took_ms)} ms`);
        if (told.outcome && told.outcome !== "ok") {
            status(`The answer was ${told.outcome}`, "sb-bad");
        }
    }

    const kinds = {
        explained,
        refused: (told) => {
            show(byId("route"), true);
            byId("ordered").textContent = told.message;
        },
        head,
        text: (told) => {
            said += told.text;
            byId("answer").append(told.text);
        },
        raw: (told) => byId("raw").append(told.text),
        cut: () => byId("raw").append("\n[the rest is not shown]"),
        end,
    };

    async function read(response) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
            const { value, done } = await reader.read();
            if (done) {
                break;
            }
            const lines = (rest + value).split("\n");
            rest = lines.pop();
            for (const line of lines) {
                const told = JSON.parse(line);
                kinds[told.kind]?.(told);
            }
        }
    }

    function asked(address, signal) {
        return fetch(address, {
            method: "POST",
            body: new FormData(form),
            credentials: "same-origin",
            redirect: "follow",
            signal,
        });
    }

    async function command() {
        const response = await asked(form.dataset.command);
        if (!response.ok || response.redirected) {
            await refusal(response);
            return;
        }
        byId("command").textContent = (await response.json()).command;
        show(byId("command-panel"), true);
    }

    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        running?.abort();
        const mine = new AbortController();
        running = mine;
        said = "";
        begin();
        try {
            const response = await asked(form.action, mine.signal);
            if (!response.ok || response.redirected) {
                status("Not asked.");
                await refusal(response);
                return;
            }
            await Promise.all([read(response), command()]);
            if (!said) {
                byId("answer").append(element("span", "The answer holds no text.", "sb-muted"));
            }
        } catch (error) {
            if (running === mine) {
                const text = error.name === "AbortError" ? "Stopped." : "The connection broke off.";
                status(text, "sb-bad");
            }
        } finally {
            if (running === mine) {
                running = null;
                show(byId("stop"), false);
            }
        }
    });

    byId("stop").addEventListener("click", () => running?.abort());
    byId("curl").addEventListener("click", () => {
        clearMistakes();
        command().catch(() => showMistakes({ __all__: ["The connection broke off."] }));
    });

    // A sample that nobody has changed gives way to that of the place one chooses.
    let sample = field("body").value;
    field("place").addEventListener("change", () => {
        const chosen = places[field("place").value];
        if (field("body").value.replaceAll("\r\n", "\n") === sample.replaceAll("\r\n", "\n")) {
            field("body").value = chosen.sample;
        }
        sample = chosen.sample;
        field("stream").disabled = !chosen.streams;
    });
    field("place").dispatchEvent(new Event("change"));
})();
