// Shows how a run goes on, for as long as it does.
const progress = document.getElementById("run-progress");
const EVERY_MS = 1500;

const look = async () => {
    const state = progress.firstElementChild;
    if (!state || state.dataset.active !== "true") {
        return;
    }
    const busy = progress.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
    if (!document.hidden && !busy) {
        try {
            const answer = await fetch(progress.dataset.url);
            if (answer.ok && !answer.redirected) {
                const said = await answer.text();
                const fresh = new DOMParser().parseFromString(said, "text/html").body.firstElementChild;
                if (fresh && fresh.dataset.revision !== state.dataset.revision) {
                    // Made of escaped text by the server, as the page itself is.
                    progress.replaceChildren(fresh);
                }
            }
        } catch {
            // The server is away; the next look may find it.
        }
    }
    setTimeout(look, EVERY_MS);
};

if (progress) {
    setTimeout(look, EVERY_MS);
}
