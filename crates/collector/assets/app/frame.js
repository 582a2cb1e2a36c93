// What surrounds every view: the links, the search, the state of the connection, the question for the token.

import { addresses } from "./address.js";
import { setToken } from "./ask.js";
import { Component, html } from "./html.js";
import { Failure } from "./table.js";

class TokenForm extends Component {
  render({ onToken }) {
    const submit = (event) => {
      event.preventDefault();
      setToken(new FormData(event.target).get("token").trim());
      onToken();
    };
    return html`
      <form class="token" onSubmit=${submit}>
        <h2>Token</h2>
        <p>This collector answers only with the token of its setting <code>control.token_file</code>. The page keeps the token until this tab is closed. With <code>control.tls_client_ca_file</code>, a client certificate in the browser opens the page without a token.</p>
        <label>Token <input type="password" name="token" required autocomplete="off" /></label>
        <button type="submit">Continue</button>
      </form>`;
  }
}

const Link = ({ to, current, children }) => html`<a href=${to} aria-current=${current ? "page" : null}>${children}</a>`;

export function Frame({ address, view, result, live, search, onSearch, onToken }) {
  const { error, data } = result;
  const needsToken = error?.status === 401;
  return html`
    <a class="skip" href="#content" onClick=${(event) => {
      event.preventDefault();
      document.getElementById("content").focus();
    }}>Skip to the content</a>
    <header>
      <p class="brand"><a href=${addresses.overview()}>Arancini</a></p>
      <nav aria-label="Views">
        <${Link} to=${addresses.overview()} current=${address.view === "overview"}>Overview</${Link}>
        <${Link} to=${addresses.tail()} current=${address.view === "tail"}>Live tail</${Link}>
        <${Link} to=${addresses.events()} current=${address.view === "events"}>Events</${Link}>
        <${Link} to=${addresses.malformed()} current=${address.view.startsWith("malformed")}>Malformed</${Link}>
        <${Link} to=${addresses.workers()} current=${address.view === "workers"}>Workers</${Link}>
      </nav>
      <search>
        <label for="search">Prefix or address</label>
        <input id="search" type="search" value=${search} onInput=${(event) => onSearch(event.target.value)} placeholder="203.0.113.0/24"
          autocomplete="off" autocapitalize="off" spellcheck=${false} />
      </search>
    </header>
    <main id="content" tabindex="-1">
      <h1>${view.title(address.parameters)}</h1>
      <div role="status">${live.offline && html`<p class="failure">${live.offline.message} ${live.offline.remedy} The page shows the last answers and goes on asking.</p>`}</div>
      ${needsToken
        ? html`<${TokenForm} onToken=${onToken} />`
        : html`
          ${error && !live.offline && html`<${Failure} error=${error} />`}
          ${data !== undefined ? html`<${view.Body} key=${address.view} data=${data} live=${live} />` : !error && html`<p class="none">Asking the collector …</p>`}`}
    </main>
    <footer><p>The same as text: <code>arancini show</code>. For programs: <a href="api/v1/openapi.json">/api/v1</a>, <a href="metrics">/metrics</a>, <a href="readyz">/readyz</a>.</p></footer>`;
}
