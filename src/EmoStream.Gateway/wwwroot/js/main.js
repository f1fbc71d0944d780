// The address says which conversation: http://host/#sample-meeting. Without one the most recent is opened.
import { $ } from "./dom.js";
import { setToken } from "./api.js";
import { Conversations } from "./conversations.js";
import { drawSigns } from "./legend.js";
import { View, showState } from "./view.js";

const conversations = new Conversations();
let view = null;
let signingIn = null;

function open() {
  const id = chosen();
  view?.close();
  view = null;
  conversations.choose(id);
  if (id === "") {
    showState("idle");
    return;
  }
  view = new View(id, signIn);
}

function chosen() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

/** One dialog at a time, whoever asks. */
function signIn() {
  signingIn ??= new Promise((resolve) => {
    const dialog = $("sign-in");
    const token = $("token");
    $("sign-in-form").addEventListener("submit", () => {
      setToken(token.value.trim());
      token.value = "";
    }, { once: true });
    dialog.addEventListener("close", () => {
      signingIn = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return signingIn;
}

$("skip").addEventListener("click", (event) => {
  // The hash belongs to the conversation.
  event.preventDefault();
  $("scroller").focus();
});
window.addEventListener("hashchange", open);
drawSigns();
open();
conversations.run({
  unauthorized: signIn,
  found: () => {
    if (chosen() === "" && conversations.latest !== null) location.replace(`#${encodeURIComponent(conversations.latest)}`);
  },
});
