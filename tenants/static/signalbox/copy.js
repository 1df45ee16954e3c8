// Buttons with data-copy put the text of the element of that id on the clipboard.
document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
        return;
    }
    const source = document.getElementById(button.dataset.copy);
    if (navigator.clipboard) {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = "Copied";
    } else {
        // Without HTTPS browsers give no clipboard: the text is selected instead.
        window.getSelection().selectAllChildren(source);
        button.textContent = "Selected";
    }
});
