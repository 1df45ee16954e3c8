// Checks and draws the definition that stands in the editor, a moment after it was typed.
const editor = document.getElementById("id_definition");
const drawn = document.getElementById("definition-graph");
if (editor && drawn) {
    let waiting;
    let asked = 0;
    const look = async () => {
        const number = (asked += 1);
        const form = new FormData();
        form.set("definition", editor.value);
        const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
        const answer = await fetch(drawn.dataset.check, {
            method: "POST",
            body: form,
            headers: { "x-csrftoken": token },
        });
        if (!answer.ok || number !== asked) {
            return;
        }
        // Made of escaped text by the server, as the page itself is.
        drawn.innerHTML = await answer.text();
    };
    editor.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(look, 400);
    });
    if (drawn.dataset.typed) {
        look();
    }
}
