// src/stream.ts
var POLL_MS = 15e3;
var SILENCE_MAX_MS = 4e4;
var EventStream = class {
  constructor(connect, onChange) {
    this.connect = connect;
    this.onChange = onChange;
    this.controller = null;
    this.isWanted = false;
    this.onVisibility = () => document.hidden ? this.close() : this.open(true);
  }
  start() {
    this.isWanted = true;
    document.addEventListener("visibilitychange", this.onVisibility);
    if (!document.hidden) this.open(false);
  }
  stop() {
    this.isWanted = false;
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.close();
  }
  /** Begin anew, with another token. */
  restart() {
    if (!this.isWanted) return;
    this.close();
    this.open(true);
  }
  close() {
    this.controller?.abort();
    this.controller = null;
  }
  /** After a pause something may have changed unheard, so `isBehind` asks for all of it again. */
  open(isBehind) {
    if (!this.isWanted || this.controller !== null) return;
    this.controller = new AbortController();
    if (isBehind) this.onChange();
    void this.follow(this.controller.signal);
  }
  async follow(signal) {
    while (!signal.aborted) {
      await this.listen(signal);
      await pause(POLL_MS, signal);
      if (!signal.aborted) this.onChange();
    }
  }
  /** Read until the stream ends; any failure only means that polling stands in for it. */
  async listen(signal) {
    const line = new AbortController();
    const end = () => line.abort();
    signal.addEventListener("abort", end);
    let silence = setTimeout(end, SILENCE_MAX_MS);
    try {
      const response = await this.connect(line.signal);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (let part2 = await reader?.read(); part2 !== void 0 && !part2.done; part2 = await reader?.read()) {
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE_MAX_MS);
        if (parser.feed(part2.value).includes("changed")) this.onChange();
      }
    } catch (error) {
      if (!signal.aborted) console.info("meterline: changes can't be streamed, so the figures are polled.", error);
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", end);
    }
  }
};
var EventParser = class {
  constructor() {
    this.rest = "";
  }
  feed(text) {
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.map((block) => /^event: ?(.*)$/m.exec(block)?.[1] ?? "").filter((name) => name !== "");
  }
};
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

// src/client.ts
var ETAGS_MAX = 100;
var Problem = class extends Error {
  constructor(status, title, detail = "", reason = "", remedy = "", requestId = "") {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.reason = reason;
    this.remedy = remedy;
    this.requestId = requestId;
    this.name = "Problem";
  }
};
function kindOf(problem) {
  if (problem.status === 401) return "expired";
  if (problem.status === 403) return "forbidden";
  if (problem.status === 404) return "missing";
  return problem.status >= 400 && problem.status < 500 && problem.status !== 429 ? "refused" : "unavailable";
}
var Client = class extends EventTarget {
  constructor() {
    super(...arguments);
    this.configuration = null;
    this.isStarted = gate();
    this.token = "";
    this.renewal = null;
    this.kept = /* @__PURE__ */ new Map();
    this.stream = new EventStream(
      (signal) => this.send("GET", this.url("changes"), { accept: "text/event-stream", signal }),
      () => this.dispatchEvent(new Event("change"))
    );
    this.listeners = 0;
  }
  /** Say where the portal is and how to get a token; calling it again begins a new session. */
  configure(configuration) {
    this.configuration = { ...configuration, baseUrl: configuration.baseUrl.replace(/\/+$/, "") };
    this.token = "";
    this.renewal = null;
    this.kept.clear();
    this.isStarted.open();
    this.stream.restart();
    this.dispatchEvent(new Event("configured"));
  }
  /** Forget the token and all answers, as on signing out; elements wait until `configure` is called again. */
  reset() {
    this.stream.stop();
    this.configuration = null;
    this.isStarted = gate();
    this.token = "";
    this.kept.clear();
  }
  get isHosted() {
    return this.configuration !== null && this.configuration.fetchToken === void 0;
  }
  get locale() {
    return this.configuration?.locale ?? "";
  }
  /** The full address of a resource, as others may call it with a token of their own. */
  url(path, query = {}) {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value === null || value === "") continue;
      for (const each of typeof value === "string" ? [value] : value) params.append(name, each);
    }
    const text = params.toString();
    return `${this.configuration?.baseUrl ?? ""}/api/v1/${path}${text && `?${text}`}`;
  }
  /** Get JSON; an answer that has not changed since is the very same object. Raises `Problem`. */
  async get(path, query = {}, signal) {
    await this.isStarted.opened;
    const url = this.url(path, query);
    const known = this.kept.get(url);
    const response = await this.send("GET", url, { etag: known?.etag, signal });
    if (response.status === 304 && known !== void 0) return known.body;
    const body = await jsonOf(response);
    this.keep(url, response.headers.get("etag"), body);
    return body;
  }
  /** Create something. Raises `Problem`. */
  async post(path, content) {
    await this.isStarted.opened;
    return await jsonOf(await this.send("POST", this.url(path), { content }));
  }
  /** Remove something. Raises `Problem`. */
  async remove(path) {
    await this.isStarted.opened;
    await this.send("DELETE", this.url(path), {});
  }
  /** Get a file. Raises `Problem`. */
  async download(path, query = {}) {
    await this.isStarted.opened;
    const response = await this.send("GET", this.url(path, query), { accept: "*/*" });
    const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
    return { name: named?.[1] ?? path.slice(path.lastIndexOf("/") + 1), content: await response.blob() };
  }
  /** Call `listener` when figures may have changed; the stream is open while anybody listens and the page is visible. */
  watch(listener) {
    this.addEventListener("change", listener);
    if (this.listeners++ === 0) void this.isStarted.opened.then(() => this.listeners > 0 && this.stream.start());
    return () => {
      this.removeEventListener("change", listener);
      if (--this.listeners === 0) this.stream.stop();
    };
  }
  keep(url, etag, body) {
    this.kept.delete(url);
    if (etag === null) return;
    this.kept.set(url, { etag, body });
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > ETAGS_MAX && oldest !== void 0) this.kept.delete(oldest);
  }
  async send(method, url, call) {
    if (this.isHosted) return accepted(await this.attempt(method, url, call, ""));
    const token = this.token || await this.renew("");
    const first = await this.attempt(method, url, call, token);
    if (first.status !== 401) return accepted(first);
    return accepted(await this.attempt(method, url, call, await this.renew(token)));
  }
  async attempt(method, url, call, token) {
    const headers = new Headers({ accept: call.accept ?? "application/json, application/problem+json" });
    if (token !== "") headers.set("authorization", `Bearer ${token}`);
    if (call.etag !== void 0) headers.set("if-none-match", call.etag);
    if (call.content !== void 0) headers.set("content-type", "application/json");
    const credentials = this.isHosted ? "same-origin" : "omit";
    const body = call.content === void 0 ? null : JSON.stringify(call.content);
    const request = { method, headers, credentials, body, cache: "no-store", signal: call.signal ?? null };
    try {
      return await fetch(url, request);
    } catch (error) {
      if (error instanceof TypeError) throw new Problem(0, "unreachable");
      throw error;
    }
  }
  /** Ask the host for a token once, however many requests were refused with the old one. */
  renew(refused) {
    if (this.token !== refused) return Promise.resolve(this.token);
    const fetchToken = this.configuration?.fetchToken;
    if (fetchToken === void 0) throw new Problem(401, "no token");
    this.renewal ??= fetchToken().then((token) => this.token = token).catch((error) => {
      throw new Problem(401, "no token", error instanceof Error ? error.message : String(error));
    }).finally(() => this.renewal = null);
    return this.renewal;
  }
};
function gate() {
  let open = () => void 0;
  const opened = new Promise((resolve) => open = resolve);
  return { opened, open };
}
async function accepted(response) {
  if (response.ok || response.status === 304) return response;
  const isProblem = (response.headers.get("content-type") ?? "").includes("json");
  const body = isProblem ? await jsonOf(response) : {};
  const text = (name) => typeof body[name] === "string" ? body[name] : "";
  const title = text("title") || response.statusText || String(response.status);
  throw new Problem(response.status, title, text("detail"), text("reason"), text("do"), text("requestId"));
}
async function jsonOf(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) throw new Problem(502, "not JSON");
    throw error;
  }
}
var client = new Client();

// node_modules/@lit/reactive-element/css-tag.js
var t = globalThis;
var e = t.ShadowRoot && (void 0 === t.ShadyCSS || t.ShadyCSS.nativeShadow) && "adoptedStyleSheets" in Document.prototype && "replace" in CSSStyleSheet.prototype;
var s = /* @__PURE__ */ Symbol();
var o = /* @__PURE__ */ new WeakMap();
var n = class {
  constructor(t4, e5, o5) {
    if (this._$cssResult$ = true, o5 !== s) throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");
    this.cssText = t4, this.t = e5;
  }
  get styleSheet() {
    let t4 = this.o;
    const s4 = this.t;
    if (e && void 0 === t4) {
      const e5 = void 0 !== s4 && 1 === s4.length;
      e5 && (t4 = o.get(s4)), void 0 === t4 && ((this.o = t4 = new CSSStyleSheet()).replaceSync(this.cssText), e5 && o.set(s4, t4));
    }
    return t4;
  }
  toString() {
    return this.cssText;
  }
};
var r = (t4) => new n("string" == typeof t4 ? t4 : t4 + "", void 0, s);
var S = (s4, o5) => {
  if (e) s4.adoptedStyleSheets = o5.map((t4) => t4 instanceof CSSStyleSheet ? t4 : t4.styleSheet);
  else for (const e5 of o5) {
    const o6 = document.createElement("style"), n4 = t.litNonce;
    void 0 !== n4 && o6.setAttribute("nonce", n4), o6.textContent = e5.cssText, s4.appendChild(o6);
  }
};
var c = e ? (t4) => t4 : (t4) => t4 instanceof CSSStyleSheet ? ((t5) => {
  let e5 = "";
  for (const s4 of t5.cssRules) e5 += s4.cssText;
  return r(e5);
})(t4) : t4;

// node_modules/@lit/reactive-element/reactive-element.js
var { is: i2, defineProperty: e2, getOwnPropertyDescriptor: h, getOwnPropertyNames: r2, getOwnPropertySymbols: o2, getPrototypeOf: n2 } = Object;
var a = globalThis;
var c2 = a.trustedTypes;
var l = c2 ? c2.emptyScript : "";
var p = a.reactiveElementPolyfillSupport;
var d = (t4, s4) => t4;
var u = { toAttribute(t4, s4) {
  switch (s4) {
    case Boolean:
      t4 = t4 ? l : null;
      break;
    case Object:
    case Array:
      t4 = null == t4 ? t4 : JSON.stringify(t4);
  }
  return t4;
}, fromAttribute(t4, s4) {
  let i6 = t4;
  switch (s4) {
    case Boolean:
      i6 = null !== t4;
      break;
    case Number:
      i6 = null === t4 ? null : Number(t4);
      break;
    case Object:
    case Array:
      try {
        i6 = JSON.parse(t4);
      } catch (t5) {
        i6 = null;
      }
  }
  return i6;
} };
var f = (t4, s4) => !i2(t4, s4);
var b = { attribute: true, type: String, converter: u, reflect: false, useDefault: false, hasChanged: f };
Symbol.metadata ??= /* @__PURE__ */ Symbol("metadata"), a.litPropertyMetadata ??= /* @__PURE__ */ new WeakMap();
var y = class extends HTMLElement {
  static addInitializer(t4) {
    this._$Ei(), (this.l ??= []).push(t4);
  }
  static get observedAttributes() {
    return this.finalize(), this._$Eh && [...this._$Eh.keys()];
  }
  static createProperty(t4, s4 = b) {
    if (s4.state && (s4.attribute = false), this._$Ei(), this.prototype.hasOwnProperty(t4) && ((s4 = Object.create(s4)).wrapped = true), this.elementProperties.set(t4, s4), !s4.noAccessor) {
      const i6 = /* @__PURE__ */ Symbol(), h3 = this.getPropertyDescriptor(t4, i6, s4);
      void 0 !== h3 && e2(this.prototype, t4, h3);
    }
  }
  static getPropertyDescriptor(t4, s4, i6) {
    const { get: e5, set: r4 } = h(this.prototype, t4) ?? { get() {
      return this[s4];
    }, set(t5) {
      this[s4] = t5;
    } };
    return { get: e5, set(s5) {
      const h3 = e5?.call(this);
      r4?.call(this, s5), this.requestUpdate(t4, h3, i6);
    }, configurable: true, enumerable: true };
  }
  static getPropertyOptions(t4) {
    return this.elementProperties.get(t4) ?? b;
  }
  static _$Ei() {
    if (this.hasOwnProperty(d("elementProperties"))) return;
    const t4 = n2(this);
    t4.finalize(), void 0 !== t4.l && (this.l = [...t4.l]), this.elementProperties = new Map(t4.elementProperties);
  }
  static finalize() {
    if (this.hasOwnProperty(d("finalized"))) return;
    if (this.finalized = true, this._$Ei(), this.hasOwnProperty(d("properties"))) {
      const t5 = this.properties, s4 = [...r2(t5), ...o2(t5)];
      for (const i6 of s4) this.createProperty(i6, t5[i6]);
    }
    const t4 = this[Symbol.metadata];
    if (null !== t4) {
      const s4 = litPropertyMetadata.get(t4);
      if (void 0 !== s4) for (const [t5, i6] of s4) this.elementProperties.set(t5, i6);
    }
    this._$Eh = /* @__PURE__ */ new Map();
    for (const [t5, s4] of this.elementProperties) {
      const i6 = this._$Eu(t5, s4);
      void 0 !== i6 && this._$Eh.set(i6, t5);
    }
    this.elementStyles = this.finalizeStyles(this.styles);
  }
  static finalizeStyles(s4) {
    const i6 = [];
    if (Array.isArray(s4)) {
      const e5 = new Set(s4.flat(1 / 0).reverse());
      for (const s5 of e5) i6.unshift(c(s5));
    } else void 0 !== s4 && i6.push(c(s4));
    return i6;
  }
  static _$Eu(t4, s4) {
    const i6 = s4.attribute;
    return false === i6 ? void 0 : "string" == typeof i6 ? i6 : "string" == typeof t4 ? t4.toLowerCase() : void 0;
  }
  constructor() {
    super(), this._$Ep = void 0, this.isUpdatePending = false, this.hasUpdated = false, this._$Em = null, this._$Ev();
  }
  _$Ev() {
    this._$ES = new Promise((t4) => this.enableUpdating = t4), this._$AL = /* @__PURE__ */ new Map(), this._$E_(), this.requestUpdate(), this.constructor.l?.forEach((t4) => t4(this));
  }
  addController(t4) {
    (this._$EO ??= /* @__PURE__ */ new Set()).add(t4), void 0 !== this.renderRoot && this.isConnected && t4.hostConnected?.();
  }
  removeController(t4) {
    this._$EO?.delete(t4);
  }
  _$E_() {
    const t4 = /* @__PURE__ */ new Map(), s4 = this.constructor.elementProperties;
    for (const i6 of s4.keys()) this.hasOwnProperty(i6) && (t4.set(i6, this[i6]), delete this[i6]);
    t4.size > 0 && (this._$Ep = t4);
  }
  createRenderRoot() {
    const t4 = this.shadowRoot ?? this.attachShadow(this.constructor.shadowRootOptions);
    return S(t4, this.constructor.elementStyles), t4;
  }
  connectedCallback() {
    this.renderRoot ??= this.createRenderRoot(), this.enableUpdating(true), this._$EO?.forEach((t4) => t4.hostConnected?.());
  }
  enableUpdating(t4) {
  }
  disconnectedCallback() {
    this._$EO?.forEach((t4) => t4.hostDisconnected?.());
  }
  attributeChangedCallback(t4, s4, i6) {
    this._$AK(t4, i6);
  }
  _$ET(t4, s4) {
    const i6 = this.constructor.elementProperties.get(t4), e5 = this.constructor._$Eu(t4, i6);
    if (void 0 !== e5 && true === i6.reflect) {
      const h3 = (void 0 !== i6.converter?.toAttribute ? i6.converter : u).toAttribute(s4, i6.type);
      this._$Em = t4, null == h3 ? this.removeAttribute(e5) : this.setAttribute(e5, h3), this._$Em = null;
    }
  }
  _$AK(t4, s4) {
    const i6 = this.constructor, e5 = i6._$Eh.get(t4);
    if (void 0 !== e5 && this._$Em !== e5) {
      const t5 = i6.getPropertyOptions(e5), h3 = "function" == typeof t5.converter ? { fromAttribute: t5.converter } : void 0 !== t5.converter?.fromAttribute ? t5.converter : u;
      this._$Em = e5;
      const r4 = h3.fromAttribute(s4, t5.type);
      this[e5] = r4 ?? this._$Ej?.get(e5) ?? r4, this._$Em = null;
    }
  }
  requestUpdate(t4, s4, i6, e5 = false, h3) {
    if (void 0 !== t4) {
      const r4 = this.constructor;
      if (false === e5 && (h3 = this[t4]), i6 ??= r4.getPropertyOptions(t4), !((i6.hasChanged ?? f)(h3, s4) || i6.useDefault && i6.reflect && h3 === this._$Ej?.get(t4) && !this.hasAttribute(r4._$Eu(t4, i6)))) return;
      this.C(t4, s4, i6);
    }
    false === this.isUpdatePending && (this._$ES = this._$EP());
  }
  C(t4, s4, { useDefault: i6, reflect: e5, wrapped: h3 }, r4) {
    i6 && !(this._$Ej ??= /* @__PURE__ */ new Map()).has(t4) && (this._$Ej.set(t4, r4 ?? s4 ?? this[t4]), true !== h3 || void 0 !== r4) || (this._$AL.has(t4) || (this.hasUpdated || i6 || (s4 = void 0), this._$AL.set(t4, s4)), true === e5 && this._$Em !== t4 && (this._$Eq ??= /* @__PURE__ */ new Set()).add(t4));
  }
  async _$EP() {
    this.isUpdatePending = true;
    try {
      await this._$ES;
    } catch (t5) {
      Promise.reject(t5);
    }
    const t4 = this.scheduleUpdate();
    return null != t4 && await t4, !this.isUpdatePending;
  }
  scheduleUpdate() {
    return this.performUpdate();
  }
  performUpdate() {
    if (!this.isUpdatePending) return;
    if (!this.hasUpdated) {
      if (this.renderRoot ??= this.createRenderRoot(), this._$Ep) {
        for (const [t6, s5] of this._$Ep) this[t6] = s5;
        this._$Ep = void 0;
      }
      const t5 = this.constructor.elementProperties;
      if (t5.size > 0) for (const [s5, i6] of t5) {
        const { wrapped: t6 } = i6, e5 = this[s5];
        true !== t6 || this._$AL.has(s5) || void 0 === e5 || this.C(s5, void 0, i6, e5);
      }
    }
    let t4 = false;
    const s4 = this._$AL;
    try {
      t4 = this.shouldUpdate(s4), t4 ? (this.willUpdate(s4), this._$EO?.forEach((t5) => t5.hostUpdate?.()), this.update(s4)) : this._$EM();
    } catch (s5) {
      throw t4 = false, this._$EM(), s5;
    }
    t4 && this._$AE(s4);
  }
  willUpdate(t4) {
  }
  _$AE(t4) {
    this._$EO?.forEach((t5) => t5.hostUpdated?.()), this.hasUpdated || (this.hasUpdated = true, this.firstUpdated(t4)), this.updated(t4);
  }
  _$EM() {
    this._$AL = /* @__PURE__ */ new Map(), this.isUpdatePending = false;
  }
  get updateComplete() {
    return this.getUpdateComplete();
  }
  getUpdateComplete() {
    return this._$ES;
  }
  shouldUpdate(t4) {
    return true;
  }
  update(t4) {
    this._$Eq &&= this._$Eq.forEach((t5) => this._$ET(t5, this[t5])), this._$EM();
  }
  updated(t4) {
  }
  firstUpdated(t4) {
  }
};
y.elementStyles = [], y.shadowRootOptions = { mode: "open" }, y[d("elementProperties")] = /* @__PURE__ */ new Map(), y[d("finalized")] = /* @__PURE__ */ new Map(), p?.({ ReactiveElement: y }), (a.reactiveElementVersions ??= []).push("2.1.2");

// node_modules/lit-html/lit-html.js
var t2 = globalThis;
var i3 = (t4) => t4;
var s2 = t2.trustedTypes;
var e3 = s2 ? s2.createPolicy("lit-html", { createHTML: (t4) => t4 }) : void 0;
var h2 = "$lit$";
var o3 = `lit$${Math.random().toFixed(9).slice(2)}$`;
var n3 = "?" + o3;
var r3 = `<${n3}>`;
var l2 = document;
var c3 = () => l2.createComment("");
var a2 = (t4) => null === t4 || "object" != typeof t4 && "function" != typeof t4;
var u2 = Array.isArray;
var d2 = (t4) => u2(t4) || "function" == typeof t4?.[Symbol.iterator];
var f2 = "[ 	\n\f\r]";
var v = /<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g;
var _ = /-->/g;
var m = />/g;
var p2 = RegExp(`>|${f2}(?:([^\\s"'>=/]+)(${f2}*=${f2}*(?:[^ 	
\f\r"'\`<>=]|("|')|))|$)`, "g");
var g = /'/g;
var $ = /"/g;
var y2 = /^(?:script|style|textarea|title)$/i;
var x = (t4) => (i6, ...s4) => ({ _$litType$: t4, strings: i6, values: s4 });
var b2 = x(1);
var w = x(2);
var T = x(3);
var E = /* @__PURE__ */ Symbol.for("lit-noChange");
var A = /* @__PURE__ */ Symbol.for("lit-nothing");
var C = /* @__PURE__ */ new WeakMap();
var P = l2.createTreeWalker(l2, 129);
function V(t4, i6) {
  if (!u2(t4) || !t4.hasOwnProperty("raw")) throw Error("invalid template strings array");
  return void 0 !== e3 ? e3.createHTML(i6) : i6;
}
var N = (t4, i6) => {
  const s4 = t4.length - 1, e5 = [];
  let n4, l3 = 2 === i6 ? "<svg>" : 3 === i6 ? "<math>" : "", c4 = v;
  for (let i7 = 0; i7 < s4; i7++) {
    const s5 = t4[i7];
    let a3, u3, d3 = -1, f3 = 0;
    for (; f3 < s5.length && (c4.lastIndex = f3, u3 = c4.exec(s5), null !== u3); ) f3 = c4.lastIndex, c4 === v ? "!--" === u3[1] ? c4 = _ : void 0 !== u3[1] ? c4 = m : void 0 !== u3[2] ? (y2.test(u3[2]) && (n4 = RegExp("</" + u3[2], "g")), c4 = p2) : void 0 !== u3[3] && (c4 = p2) : c4 === p2 ? ">" === u3[0] ? (c4 = n4 ?? v, d3 = -1) : void 0 === u3[1] ? d3 = -2 : (d3 = c4.lastIndex - u3[2].length, a3 = u3[1], c4 = void 0 === u3[3] ? p2 : '"' === u3[3] ? $ : g) : c4 === $ || c4 === g ? c4 = p2 : c4 === _ || c4 === m ? c4 = v : (c4 = p2, n4 = void 0);
    const x2 = c4 === p2 && t4[i7 + 1].startsWith("/>") ? " " : "";
    l3 += c4 === v ? s5 + r3 : d3 >= 0 ? (e5.push(a3), s5.slice(0, d3) + h2 + s5.slice(d3) + o3 + x2) : s5 + o3 + (-2 === d3 ? i7 : x2);
  }
  return [V(t4, l3 + (t4[s4] || "<?>") + (2 === i6 ? "</svg>" : 3 === i6 ? "</math>" : "")), e5];
};
var S2 = class _S {
  constructor({ strings: t4, _$litType$: i6 }, e5) {
    let r4;
    this.parts = [];
    let l3 = 0, a3 = 0;
    const u3 = t4.length - 1, d3 = this.parts, [f3, v2] = N(t4, i6);
    if (this.el = _S.createElement(f3, e5), P.currentNode = this.el.content, 2 === i6 || 3 === i6) {
      const t5 = this.el.content.firstChild;
      t5.replaceWith(...t5.childNodes);
    }
    for (; null !== (r4 = P.nextNode()) && d3.length < u3; ) {
      if (1 === r4.nodeType) {
        if (r4.hasAttributes()) for (const t5 of r4.getAttributeNames()) if (t5.endsWith(h2)) {
          const i7 = v2[a3++], s4 = r4.getAttribute(t5).split(o3), e6 = /([.?@])?(.*)/.exec(i7);
          d3.push({ type: 1, index: l3, name: e6[2], strings: s4, ctor: "." === e6[1] ? I : "?" === e6[1] ? L : "@" === e6[1] ? z : H }), r4.removeAttribute(t5);
        } else t5.startsWith(o3) && (d3.push({ type: 6, index: l3 }), r4.removeAttribute(t5));
        if (y2.test(r4.tagName)) {
          const t5 = r4.textContent.split(o3), i7 = t5.length - 1;
          if (i7 > 0) {
            r4.textContent = s2 ? s2.emptyScript : "";
            for (let s4 = 0; s4 < i7; s4++) r4.append(t5[s4], c3()), P.nextNode(), d3.push({ type: 2, index: ++l3 });
            r4.append(t5[i7], c3());
          }
        }
      } else if (8 === r4.nodeType) if (r4.data === n3) d3.push({ type: 2, index: l3 });
      else {
        let t5 = -1;
        for (; -1 !== (t5 = r4.data.indexOf(o3, t5 + 1)); ) d3.push({ type: 7, index: l3 }), t5 += o3.length - 1;
      }
      l3++;
    }
  }
  static createElement(t4, i6) {
    const s4 = l2.createElement("template");
    return s4.innerHTML = t4, s4;
  }
};
function M(t4, i6, s4 = t4, e5) {
  if (i6 === E) return i6;
  let h3 = void 0 !== e5 ? s4._$Co?.[e5] : s4._$Cl;
  const o5 = a2(i6) ? void 0 : i6._$litDirective$;
  return h3?.constructor !== o5 && (h3?._$AO?.(false), void 0 === o5 ? h3 = void 0 : (h3 = new o5(t4), h3._$AT(t4, s4, e5)), void 0 !== e5 ? (s4._$Co ??= [])[e5] = h3 : s4._$Cl = h3), void 0 !== h3 && (i6 = M(t4, h3._$AS(t4, i6.values), h3, e5)), i6;
}
var R = class {
  constructor(t4, i6) {
    this._$AV = [], this._$AN = void 0, this._$AD = t4, this._$AM = i6;
  }
  get parentNode() {
    return this._$AM.parentNode;
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  u(t4) {
    const { el: { content: i6 }, parts: s4 } = this._$AD, e5 = (t4?.creationScope ?? l2).importNode(i6, true);
    P.currentNode = e5;
    let h3 = P.nextNode(), o5 = 0, n4 = 0, r4 = s4[0];
    for (; void 0 !== r4; ) {
      if (o5 === r4.index) {
        let i7;
        2 === r4.type ? i7 = new k(h3, h3.nextSibling, this, t4) : 1 === r4.type ? i7 = new r4.ctor(h3, r4.name, r4.strings, this, t4) : 6 === r4.type && (i7 = new Z(h3, this, t4)), this._$AV.push(i7), r4 = s4[++n4];
      }
      o5 !== r4?.index && (h3 = P.nextNode(), o5++);
    }
    return P.currentNode = l2, e5;
  }
  p(t4) {
    let i6 = 0;
    for (const s4 of this._$AV) void 0 !== s4 && (void 0 !== s4.strings ? (s4._$AI(t4, s4, i6), i6 += s4.strings.length - 2) : s4._$AI(t4[i6])), i6++;
  }
};
var k = class _k {
  get _$AU() {
    return this._$AM?._$AU ?? this._$Cv;
  }
  constructor(t4, i6, s4, e5) {
    this.type = 2, this._$AH = A, this._$AN = void 0, this._$AA = t4, this._$AB = i6, this._$AM = s4, this.options = e5, this._$Cv = e5?.isConnected ?? true;
  }
  get parentNode() {
    let t4 = this._$AA.parentNode;
    const i6 = this._$AM;
    return void 0 !== i6 && 11 === t4?.nodeType && (t4 = i6.parentNode), t4;
  }
  get startNode() {
    return this._$AA;
  }
  get endNode() {
    return this._$AB;
  }
  _$AI(t4, i6 = this) {
    t4 = M(this, t4, i6), a2(t4) ? t4 === A || null == t4 || "" === t4 ? (this._$AH !== A && this._$AR(), this._$AH = A) : t4 !== this._$AH && t4 !== E && this._(t4) : void 0 !== t4._$litType$ ? this.$(t4) : void 0 !== t4.nodeType ? this.T(t4) : d2(t4) ? this.k(t4) : this._(t4);
  }
  O(t4) {
    return this._$AA.parentNode.insertBefore(t4, this._$AB);
  }
  T(t4) {
    this._$AH !== t4 && (this._$AR(), this._$AH = this.O(t4));
  }
  _(t4) {
    this._$AH !== A && a2(this._$AH) ? this._$AA.nextSibling.data = t4 : this.T(l2.createTextNode(t4)), this._$AH = t4;
  }
  $(t4) {
    const { values: i6, _$litType$: s4 } = t4, e5 = "number" == typeof s4 ? this._$AC(t4) : (void 0 === s4.el && (s4.el = S2.createElement(V(s4.h, s4.h[0]), this.options)), s4);
    if (this._$AH?._$AD === e5) this._$AH.p(i6);
    else {
      const t5 = new R(e5, this), s5 = t5.u(this.options);
      t5.p(i6), this.T(s5), this._$AH = t5;
    }
  }
  _$AC(t4) {
    let i6 = C.get(t4.strings);
    return void 0 === i6 && C.set(t4.strings, i6 = new S2(t4)), i6;
  }
  k(t4) {
    u2(this._$AH) || (this._$AH = [], this._$AR());
    const i6 = this._$AH;
    let s4, e5 = 0;
    for (const h3 of t4) e5 === i6.length ? i6.push(s4 = new _k(this.O(c3()), this.O(c3()), this, this.options)) : s4 = i6[e5], s4._$AI(h3), e5++;
    e5 < i6.length && (this._$AR(s4 && s4._$AB.nextSibling, e5), i6.length = e5);
  }
  _$AR(t4 = this._$AA.nextSibling, s4) {
    for (this._$AP?.(false, true, s4); t4 !== this._$AB; ) {
      const s5 = i3(t4).nextSibling;
      i3(t4).remove(), t4 = s5;
    }
  }
  setConnected(t4) {
    void 0 === this._$AM && (this._$Cv = t4, this._$AP?.(t4));
  }
};
var H = class {
  get tagName() {
    return this.element.tagName;
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  constructor(t4, i6, s4, e5, h3) {
    this.type = 1, this._$AH = A, this._$AN = void 0, this.element = t4, this.name = i6, this._$AM = e5, this.options = h3, s4.length > 2 || "" !== s4[0] || "" !== s4[1] ? (this._$AH = Array(s4.length - 1).fill(new String()), this.strings = s4) : this._$AH = A;
  }
  _$AI(t4, i6 = this, s4, e5) {
    const h3 = this.strings;
    let o5 = false;
    if (void 0 === h3) t4 = M(this, t4, i6, 0), o5 = !a2(t4) || t4 !== this._$AH && t4 !== E, o5 && (this._$AH = t4);
    else {
      const e6 = t4;
      let n4, r4;
      for (t4 = h3[0], n4 = 0; n4 < h3.length - 1; n4++) r4 = M(this, e6[s4 + n4], i6, n4), r4 === E && (r4 = this._$AH[n4]), o5 ||= !a2(r4) || r4 !== this._$AH[n4], r4 === A ? t4 = A : t4 !== A && (t4 += (r4 ?? "") + h3[n4 + 1]), this._$AH[n4] = r4;
    }
    o5 && !e5 && this.j(t4);
  }
  j(t4) {
    t4 === A ? this.element.removeAttribute(this.name) : this.element.setAttribute(this.name, t4 ?? "");
  }
};
var I = class extends H {
  constructor() {
    super(...arguments), this.type = 3;
  }
  j(t4) {
    this.element[this.name] = t4 === A ? void 0 : t4;
  }
};
var L = class extends H {
  constructor() {
    super(...arguments), this.type = 4;
  }
  j(t4) {
    this.element.toggleAttribute(this.name, !!t4 && t4 !== A);
  }
};
var z = class extends H {
  constructor(t4, i6, s4, e5, h3) {
    super(t4, i6, s4, e5, h3), this.type = 5;
  }
  _$AI(t4, i6 = this) {
    if ((t4 = M(this, t4, i6, 0) ?? A) === E) return;
    const s4 = this._$AH, e5 = t4 === A && s4 !== A || t4.capture !== s4.capture || t4.once !== s4.once || t4.passive !== s4.passive, h3 = t4 !== A && (s4 === A || e5);
    e5 && this.element.removeEventListener(this.name, this, s4), h3 && this.element.addEventListener(this.name, this, t4), this._$AH = t4;
  }
  handleEvent(t4) {
    "function" == typeof this._$AH ? this._$AH.call(this.options?.host ?? this.element, t4) : this._$AH.handleEvent(t4);
  }
};
var Z = class {
  constructor(t4, i6, s4) {
    this.element = t4, this.type = 6, this._$AN = void 0, this._$AM = i6, this.options = s4;
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  _$AI(t4) {
    M(this, t4);
  }
};
var B = t2.litHtmlPolyfillSupport;
B?.(S2, k), (t2.litHtmlVersions ??= []).push("3.3.3");
var D = (t4, i6, s4) => {
  const e5 = s4?.renderBefore ?? i6;
  let h3 = e5._$litPart$;
  if (void 0 === h3) {
    const t5 = s4?.renderBefore ?? null;
    e5._$litPart$ = h3 = new k(i6.insertBefore(c3(), t5), t5, void 0, s4 ?? {});
  }
  return h3._$AI(t4), h3;
};

// node_modules/lit-element/lit-element.js
var s3 = globalThis;
var i4 = class extends y {
  constructor() {
    super(...arguments), this.renderOptions = { host: this }, this._$Do = void 0;
  }
  createRenderRoot() {
    const t4 = super.createRenderRoot();
    return this.renderOptions.renderBefore ??= t4.firstChild, t4;
  }
  update(t4) {
    const r4 = this.render();
    this.hasUpdated || (this.renderOptions.isConnected = this.isConnected), super.update(t4), this._$Do = D(r4, this.renderRoot, this.renderOptions);
  }
  connectedCallback() {
    super.connectedCallback(), this._$Do?.setConnected(true);
  }
  disconnectedCallback() {
    super.disconnectedCallback(), this._$Do?.setConnected(false);
  }
  render() {
    return E;
  }
};
i4._$litElement$ = true, i4["finalized"] = true, s3.litElementHydrateSupport?.({ LitElement: i4 });
var o4 = s3.litElementPolyfillSupport;
o4?.({ LitElement: i4 });
(s3.litElementVersions ??= []).push("4.2.2");

// src/styles/aliases.css
var aliases_default = '/* Public names (--ml-…) are only ever read, and each into a private alias: an element that declared them would cut off\n   what the page around it says, one level down. */\n:host {\n  --_font: var(--ml-font, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif);\n  --_mono: var(--ml-mono, ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace);\n  --_accent: var(--ml-accent, light-dark(#2a5bd7, #8fb0ff));\n  --_accent-ink: var(--ml-accent-ink, light-dark(#ffffff, #0d1015));\n  --_bg: var(--ml-bg, light-dark(#f6f7f9, #0d1015));\n  --_surface: var(--ml-surface, light-dark(#ffffff, #14181f));\n  --_raised: var(--ml-raised, light-dark(#ffffff, #1c212a));\n  --_text: var(--ml-text, light-dark(#14181f, #e8ebf0));\n  --_text-2: var(--ml-text-2, light-dark(#4a5361, #b4bcc8));\n  --_text-3: var(--ml-text-3, light-dark(#667085, #8d97a5));\n  --_line: var(--ml-line, light-dark(#e4e7ec, #2a313c));\n  --_line-strong: var(--ml-line-strong, light-dark(#8a94a3, #6b7686));\n  --_positive: var(--ml-positive, light-dark(#0b7a4b, #4ccb8f));\n  --_warning: var(--ml-warning, light-dark(#8a5a00, #f2c14e));\n  --_negative: var(--ml-negative, light-dark(#b42318, #ff8a80));\n  --_c1: var(--ml-c1, light-dark(#2a5bd7, #6f9bff));\n  --_c2: var(--ml-c2, light-dark(#b7702e, #feb354));\n  --_c3: var(--ml-c3, light-dark(#7c4069, #d04e7f));\n  --_c4: var(--ml-c4, light-dark(#9584e5, #dcaefe));\n  --_c5: var(--ml-c5, light-dark(#495704, #367b24));\n  --_c6: var(--ml-c6, light-dark(#34a08e, #58ebc0));\n  --_c7: var(--ml-c7, light-dark(#814ea4, #7b69c6));\n  --_c-other: var(--ml-c-other, light-dark(#98a2b3, #667085));\n  --_radius: var(--ml-radius, 10px);\n  --_radius-control: var(--ml-radius-control, 6px);\n  --_tint: color-mix(in oklab, var(--_accent) 9%, var(--_surface));\n  --_tint-strong: color-mix(in oklab, var(--_accent) 18%, var(--_surface));\n  display: block;\n  color-scheme: inherit;\n  container-type: inline-size;\n}\n\n:host([hidden]) { display: none; }\n\n/* Stops at the edge of the element whatever the page around it lets its children inherit. */\n.reset {\n  all: initial;\n  display: block;\n  box-sizing: border-box;\n  color-scheme: inherit;\n  color: var(--_text);\n  font: 400 14px/1.5 var(--_font);\n  font-variant-numeric: tabular-nums;\n  -webkit-font-smoothing: antialiased;\n  text-size-adjust: 100%;\n}\n\n*, *::before, *::after { box-sizing: border-box; }\n\nh1, h2, h3, p, dl, dd, ol, ul, figure, blockquote { margin: 0; padding: 0; }\nol, ul { list-style: none; }\na { color: var(--_accent); text-underline-offset: 3px; }\n\n:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; border-radius: 3px; }\n\n.unseen {\n  position: absolute;\n  width: 1px;\n  height: 1px;\n  overflow: hidden;\n  clip-path: inset(50%);\n  white-space: nowrap;\n}\n\n.s1 { --_c: var(--_c1); }\n.s2 { --_c: var(--_c2); }\n.s3 { --_c: var(--_c3); }\n.s4 { --_c: var(--_c4); }\n.s5 { --_c: var(--_c5); }\n.s6 { --_c: var(--_c6); }\n.s7 { --_c: var(--_c7); }\n.s-other { --_c: var(--_c-other); }\n\n@media (prefers-reduced-motion: reduce) {\n  *, *::before, *::after { animation: none !important; transition: none !important; }\n}\n';

// src/styles/content.css
var content_default = ".page { display: grid; grid-template-columns: minmax(0, 1fr); gap: 16px; max-width: 1180px; }\n\n.page-head { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; min-height: 40px; }\n.page-head .spacer { flex: 1; }\n.page-title { font: 650 20px/1.3 var(--_font); letter-spacing: -0.01em; text-wrap: balance; }\n.page-sub { font-size: 13px; color: var(--_text-2); }\n\n.card {\n  background: var(--_surface);\n  border: 1px solid var(--_line);\n  border-radius: var(--_radius);\n  padding: 20px 24px;\n  min-width: 0;\n}\n\n.card-head { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; margin-bottom: 12px; }\n.card-head .spacer { flex: 1; }\n.card-title { font: 650 16px/1.4 var(--_font); letter-spacing: -0.005em; }\n.hint { font-size: 13px; color: var(--_text-2); }\n.small { font-size: 12px; color: var(--_text-2); }\n.mono { font-family: var(--_mono); font-size: 0.92em; overflow-wrap: anywhere; }\n.note { font-size: 12px; color: var(--_text-2); max-width: 68ch; text-wrap: pretty; }\n\n.up { color: var(--_warning); font-weight: 650; }\n.down { color: var(--_positive); font-weight: 650; }\n\n.kpis { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); padding: 0; overflow: clip; }\n.kpi { padding: 16px 24px; box-shadow: -1px 0 0 var(--_line), 0 -1px 0 var(--_line); min-width: 0; }\n.kpi dt { font-size: 13px; color: var(--_text-2); }\n.kpi .big { font: 650 28px/1.25 var(--_font); letter-spacing: -0.02em; overflow-wrap: anywhere; }\n.kpi .small { min-height: 18px; }\n\n.rows { display: grid; }\n.rows > * { display: flex; align-items: baseline; justify-content: space-between; gap: 16px; padding: 9px 0; border-top: 1px solid var(--_line); font-size: 13px; }\n.rows dt { color: var(--_text-2); }\n.rows dd { text-align: right; }\n\n.scroll { overflow-x: auto; margin: 0 -24px; padding: 0 24px; }\n.scroll:focus-visible { outline-offset: -2px; }\n\ntable { width: 100%; border-collapse: collapse; font-size: 13px; }\nth { font-weight: 500; color: var(--_text-2); text-align: left; padding: 6px 12px 8px; white-space: nowrap; }\ntd { padding: 9px 12px; border-top: 1px solid var(--_line); vertical-align: top; }\nth:first-child, td:first-child { padding-left: 0; }\nth:last-child, td:last-child { padding-right: 0; }\n.right { text-align: right; white-space: nowrap; }\ntbody th { color: var(--_text); font-weight: 400; border-top: 1px solid var(--_line); padding: 9px 12px 9px 0; white-space: normal; vertical-align: top; }\ntfoot td, tfoot th { border-top: 2px solid var(--_text); color: var(--_text); font-weight: 650; padding-block: 10px; }\ntr.is-link:hover > * { background: var(--_tint); }\n.unit { color: var(--_text-2); }\n\n.swatch { display: inline-block; width: 10px; height: 10px; margin-right: 8px; vertical-align: -1px; flex: none; }\n.swatch rect { fill: var(--_c); forced-color-adjust: none; }\n\n.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--_text); }\n.legend li { display: inline-flex; align-items: center; max-width: 100%; }\n.legend .dash { width: 16px; border-top: 2px dashed var(--_text-3); margin-right: 8px; }\n\n.is-waiting { opacity: 0.55; transition: opacity 150ms 200ms; }\n\n/* What stands in the place of figures that are not there yet: it has their final shape. */\n.bone { display: block; border-radius: 4px; background: var(--_line); animation: breathe 1.6s ease-in-out infinite; }\n.bones { display: grid; gap: 12px; }\n\n.empty { display: grid; justify-items: center; gap: 6px; padding: 40px 16px; text-align: center; color: var(--_text-2); }\n.empty h2 { font: 650 16px/1.4 var(--_font); color: var(--_text); }\n.empty p { max-width: 46ch; text-wrap: balance; }\n.empty .button { margin-top: 8px; }\n\n.banner { padding: 8px 16px; border: 1px solid var(--_warning); border-radius: var(--_radius-control); color: var(--_warning); background: var(--_surface); font-size: 13px; }\n\n@keyframes breathe { 50% { opacity: 0.45; } }\n\n@container (max-width: 560px) {\n  .card { padding: 16px; }\n  .kpi { padding: 12px 16px; }\n  .kpi .big { font-size: 24px; }\n  .scroll { margin: 0 -16px; padding: 0 16px; }\n  td, th { padding-inline: 8px; }\n  .narrow-hidden { display: none; }\n}\n\n@media print {\n  .card { border: 0; padding: 8px 0; break-inside: avoid; }\n  .page { max-width: none; }\n}\n";

// src/styles/controls.css
var controls_default = 'button, select, input { font: inherit; color: inherit; margin: 0; }\n\n.button, .select, .input {\n  display: inline-flex;\n  align-items: center;\n  gap: 6px;\n  height: 32px;\n  padding: 0 12px;\n  border: 1px solid var(--_line-strong);\n  border-radius: var(--_radius-control);\n  background: var(--_surface);\n  color: var(--_text);\n  font: 500 13px/1 var(--_font);\n  white-space: nowrap;\n  text-decoration: none;\n  cursor: pointer;\n}\n\n.button:hover, .select:hover { background: var(--_tint); border-color: var(--_accent); }\n.button[disabled] { opacity: 0.55; cursor: default; }\n.button.is-primary { background: var(--_accent); border-color: var(--_accent); color: var(--_accent-ink); }\n.button.is-primary:hover { filter: brightness(1.08); }\n.button.is-bare { border-color: transparent; background: none; padding: 0 8px; color: var(--_text-2); }\n.button.is-bare:hover { color: var(--_text); background: var(--_tint); }\n.button.is-icon { padding: 0; width: 32px; justify-content: center; }\n.input { cursor: text; font-weight: 400; min-width: 0; }\n.select { padding-right: 8px; max-width: 100%; }\n.icon { width: 16px; height: 16px; flex: none; fill: none; stroke: currentcolor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }\n\n.segments {\n  display: inline-flex;\n  border: 1px solid var(--_line-strong);\n  border-radius: var(--_radius-control);\n  overflow: clip;\n}\n\n.segments button {\n  display: inline-flex;\n  align-items: center;\n  gap: 6px;\n  height: 30px;\n  padding: 0 11px;\n  border: 0;\n  border-left: 1px solid var(--_line);\n  background: var(--_surface);\n  color: var(--_text-2);\n  font: 500 13px/1 var(--_font);\n  cursor: pointer;\n}\n\n.segments button:first-child { border-left: 0; }\n.segments button:hover { color: var(--_text); background: var(--_tint); }\n.segments button:focus-visible { outline-offset: -3px; }\n/* The line below tells what is pressed where colours of the page are overruled. */\n.segments button[aria-pressed="true"] { background: var(--_tint-strong); color: var(--_text); font-weight: 650; box-shadow: inset 0 -2px 0 var(--_accent); }\n\n.toggle { display: inline-flex; align-items: center; gap: 8px; height: 32px; font-size: 13px; color: var(--_text-2); cursor: pointer; }\n.toggle input { accent-color: var(--_accent); width: 16px; height: 16px; }\n\n.chip {\n  display: inline-flex;\n  align-items: center;\n  gap: 6px;\n  min-height: 26px;\n  padding: 2px 10px;\n  border: 1px solid var(--_line);\n  border-radius: 999px;\n  background: var(--_surface);\n  color: var(--_text-2);\n  font: 400 12px/1.3 var(--_font);\n}\n\n.chip .dot { width: 7px; height: 7px; border-radius: 50%; background: currentcolor; forced-color-adjust: none; }\n.chip.is-live .dot { color: var(--_positive); animation: breathe 2.4s ease-in-out infinite; }\n.chip.is-late { color: var(--_warning); border-color: currentcolor; }\n.chip.is-removable { padding-right: 2px; border-color: var(--_line-strong); color: var(--_text); }\n.chip button { display: inline-grid; place-items: center; width: 22px; height: 22px; border: 0; border-radius: 50%; background: none; color: var(--_text-2); cursor: pointer; }\n.chip button:hover { background: var(--_tint-strong); color: var(--_text); }\n\n@keyframes breathe { 50% { opacity: 0.35; } }\n\n.badge {\n  display: inline-block;\n  padding: 2px 8px;\n  border: 1px solid currentcolor;\n  border-radius: 999px;\n  font: 650 11px/1.3 var(--_font);\n  color: var(--_text-2);\n  white-space: nowrap;\n}\n\n.badge.is-draft { color: var(--_warning); }\n.badge.is-final { color: var(--_positive); }\n\n/* A number that explains itself. */\n.figure {\n  padding: 0;\n  border: 0;\n  background: none;\n  font: inherit;\n  color: inherit;\n  letter-spacing: inherit;\n  text-align: inherit;\n  cursor: pointer;\n  text-decoration: underline dotted 1px var(--_line-strong);\n  text-underline-offset: 0.28em;\n  white-space: nowrap;\n}\n\n.figure:hover { color: var(--_accent); text-decoration: underline solid 1px currentcolor; }\n\n@media (pointer: coarse) {\n  .button, .select, .input, .segments button { height: 44px; }\n  .button.is-icon { width: 44px; }\n  .chip button { width: 32px; height: 32px; }\n}\n\n@media (forced-colors: active) {\n  .segments button[aria-pressed="true"] { outline: 2px solid Highlight; outline-offset: -2px; }\n  .button.is-primary { border-width: 2px; }\n}\n\n@media print {\n  .controls { display: none !important; }\n  .figure { text-decoration: none; }\n}\n';

// src/base.ts
function sheet(text) {
  return r(text);
}
var BASE = [sheet(aliases_default), sheet(controls_default), sheet(content_default)];
var MeterlineElement = class extends i4 {
  static {
    this.styles = BASE;
  }
  /** The styles of all elements and those of one. */
  static stylesWith(...texts) {
    return [...BASE, ...texts.map(sheet)];
  }
  /** Ask whoever is around to show another page. */
  navigate(path, query) {
    this.notify("meterline-navigate", { path, query });
  }
  /** Tell the page around that something could not be had; it gets the kind and the text, never a token. */
  report(problem) {
    const { status, title, detail, reason, requestId } = problem;
    this.notify("meterline-error", { kind: kindOf(problem), status, title, detail, reason, requestId });
  }
  notify(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
};
function define(name, element) {
  if (customElements.get(name) === void 0) customElements.define(name, element);
}

// node_modules/lit-html/directive.js
var t3 = { ATTRIBUTE: 1, CHILD: 2, PROPERTY: 3, BOOLEAN_ATTRIBUTE: 4, EVENT: 5, ELEMENT: 6 };
var e4 = (t4) => (...e5) => ({ _$litDirective$: t4, values: e5 });
var i5 = class {
  constructor(t4) {
  }
  get _$AU() {
    return this._$AM._$AU;
  }
  _$AT(t4, e5, i6) {
    this._$Ct = t4, this._$AM = e5, this._$Ci = i6;
  }
  _$AS(t4, e5) {
    return this.update(t4, e5);
  }
  update(t4, e5) {
    return this.render(...e5);
  }
};

// src/parts/directives.ts
var StyleDirective = class extends i5 {
  constructor(info) {
    super(info);
    if (info.type !== t3.ELEMENT) throw new Error("place(…) stands inside a tag, not in an attribute");
  }
  render(_styles) {
    return A;
  }
  update(part2, [styles]) {
    const { style } = part2.element;
    for (const [name, value] of Object.entries(styles)) style.setProperty(name, value);
    return A;
  }
};
var place = e4(StyleDirective);
var TintDirective = class extends i5 {
  constructor() {
    super(...arguments);
    this.text = null;
  }
  render(_text) {
    return A;
  }
  update(part2, [text]) {
    const isOther = this.text !== null && this.text !== text;
    this.text = text;
    if (isOther && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      part2.element.animate({ backgroundColor: ["color-mix(in srgb, currentcolor 22%, transparent)", "transparent"] }, 1e3);
    }
    return A;
  }
};
var tint = e4(TintDirective);

// src/parts/icons.ts
var PATHS = {
  previous: "M10 3 5 8l5 5",
  next: "m6 3 5 5-5 5",
  close: "m4 4 8 8M12 4l-8 8",
  check: "m3 8.5 3.2 3L13 4.5",
  warning: "M8 2 1.5 13.5h13zM8 6.5v3.2M8 11.7v.1",
  bars: "M3 13V8M8 13V3M13 13V6",
  line: "m2 11 4-4 3 2 5-6",
  heat: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
  table: "M2 3h12v10H2zM2 7h12M6 7v6",
  filter: "M2 3h12L9.5 8.5V13l-3-1.5v-3z",
  bookmark: "M4 2h8v12l-4-3-4 3z",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  link: "M6.5 9.5 9.5 6.5M7 4.5 9 2.6a3 3 0 0 1 4.3 4.3L11.5 9M9 11.5 7 13.4A3 3 0 0 1 2.7 9.1L4.5 7",
  print: "M4 6V2h8v4M4 12H2V6h12v6h-2M4 9.5h8V14H4z",
  open: "M6 3H3v10h10v-3M9 3h4v4M13 3 7 9"
};
function icon(name) {
  return b2`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${w`<path d=${PATHS[name]} />`}</svg>`;
}
function swatch(seriesClass) {
  return b2`<svg class="swatch ${seriesClass}" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2.5" /></svg>`;
}

// src/styles/chart.css
var chart_default = ":host { position: relative; }\n\n.stage { position: relative; }\n.surface { display: block; width: 100%; overflow: visible; touch-action: pan-y; }\n.surface:focus-visible { outline-offset: 4px; }\n\n.grid { stroke: var(--_line); stroke-width: 1; shape-rendering: crispedges; }\n.axis { stroke: var(--_line-strong); stroke-width: 1; shape-rendering: crispedges; }\n.tick { fill: var(--_text-3); font: 400 12px var(--_font); font-variant-numeric: tabular-nums; }\n.column { fill: var(--_text); fill-opacity: 0.06; }\n\n.bar { fill: var(--_c); cursor: pointer; transition: opacity 150ms; }\n.bar.is-dim { opacity: 0.45; }\n.stroke { fill: none; stroke: var(--_c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }\n.area { fill: var(--_c); fill-opacity: 0.09; }\n.dot { fill: var(--_c); }\n.dot.is-unseen { fill: none; }\n.dot.is-active { stroke: var(--_surface); stroke-width: 2; }\n.previous { fill: none; stroke: var(--_text-3); stroke-width: 1.5; stroke-dasharray: 3 4; stroke-linejoin: round; }\n.band { fill: var(--_c1); fill-opacity: 0.14; }\n.cell { fill: var(--_c1); cursor: pointer; }\n.cell.is-active { stroke: var(--_text); stroke-width: 1.5; }\n\n.tip {\n  position: absolute;\n  top: 0;\n  left: 0;\n  z-index: 2;\n  min-width: 148px;\n  max-width: 260px;\n  padding: 10px 12px;\n  border: 1px solid var(--_line-strong);\n  border-radius: var(--_radius-control);\n  background: var(--_raised);\n  font-size: 12px;\n  pointer-events: none;\n}\n\n.tip h3 { font: 650 12px/1.4 var(--_font); margin-bottom: 4px; }\n.tip dl { display: grid; grid-template-columns: 1fr auto; gap: 2px 14px; }\n.tip dt { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }\n.tip dd { margin: 0; text-align: right; }\n.tip .is-total { font-weight: 650; }\n.tip .is-previous { color: var(--_text-2); }\n\n.step { cursor: pointer; }\n.step:hover .fall, .step:focus-visible .fall { filter: brightness(1.1); }\n.fall.is-end { fill: var(--_c1); }\n.fall.is-more { fill: var(--_c2); }\n.fall.is-less { fill: var(--_c6); }\n.joint { stroke: var(--_text-3); stroke-dasharray: 2 3; }\n.tear { fill: none; stroke: var(--_surface); stroke-width: 3; }\n.amount { fill: var(--_text); font: 650 13px var(--_font); font-variant-numeric: tabular-nums; text-anchor: middle; }\n.what { fill: var(--_text-2); font: 400 12px var(--_font); text-anchor: middle; }\n.what.is-small { fill: var(--_text-3); font-size: 11px; }\n\n.falls { display: grid; gap: 10px; }\n.falls li { display: grid; gap: 4px; }\n.falls .line { display: flex; justify-content: space-between; gap: 12px; font-size: 13px; }\n.falls svg { display: block; width: 100%; height: 8px; }\n\n@media (forced-colors: active) {\n  .bar, .stroke, .dot, .fall, .cell { forced-color-adjust: none; }\n}\n\n@media print { .tip { display: none; } }\n";

// src/charts/limits.ts
var BUCKETS_DRAWN_ONE_BY_ONE_MAX = 400;

// src/charts/scale.ts
function position(text) {
  return text === null ? null : Number(text);
}
function positionOrZero(text) {
  return position(text) ?? 0;
}
function part(text, whole) {
  const total = Math.abs(Number(whole));
  return total === 0 ? 0 : Math.min(1, Math.abs(Number(text)) / total);
}
function largest(texts) {
  let found = "0";
  for (const text of texts) if (text !== null && Math.abs(Number(text)) > Math.abs(Number(found))) found = text;
  return found;
}
function scaleOf(values, count, hasZero = true) {
  const low = Math.min(...values, hasZero ? 0 : Infinity);
  const high = Math.max(...values, hasZero ? 0 : -Infinity);
  const span = high - low || Math.abs(high) || 1;
  const step = roundStep(span / count);
  const min = Math.floor(low / step) * step;
  const max = Math.max(Math.ceil(high / step) * step, min + step);
  const ticks = Array.from({ length: Math.round((max - min) / step) + 1 }, (_2, index) => min + index * step);
  return { min, max, ticks: ticks.map((tick) => Number(tick.toPrecision(12))) };
}
function roundStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10;
  return step * power;
}
function pixel(value) {
  return Math.round(value * 2) / 2;
}

// src/charts/bars.ts
function stackEnds(model) {
  return model.buckets.flatMap((_2, bucket) => {
    const values = model.series.map((series) => positionOrZero(series.values[bucket] ?? null));
    return [sum(values.filter((value) => value > 0)), sum(values.filter((value) => value < 0))];
  });
}
function drawBars(model, plot, active) {
  const bars = stack(model, plot);
  const isOneByOne = model.buckets.length <= BUCKETS_DRAWN_ONE_BY_ONE_MAX;
  return w`${model.series.map((series, index) => {
    const own2 = bars[index] ?? [];
    if (!isOneByOne) return w`<path class="bar ${series.look}" data-series=${series.key} d=${own2.map(outline).join("")} />`;
    return w`<g class=${series.look}>${own2.map((bar) => drawBar(model, series.key, bar, active))}</g>`;
  })}`;
}
function drawBar(model, series, bar, active) {
  const look = active === null || active === bar.bucket ? "bar" : "bar is-dim";
  return w`<rect class=${look} x=${bar.x} y=${bar.y} width=${bar.width} height=${bar.height}
    data-bucket=${model.buckets[bar.bucket]?.key ?? ""} data-series=${series} data-value=${bar.value} />`;
}
function stack(model, plot) {
  const gap = plot.step > 5 ? Math.max(1.5, plot.step * 0.22) : plot.step > 2 ? 0.5 : 0;
  const width = Math.max(0.5, pixel(Math.min(plot.step - gap, 64)));
  const ups = model.buckets.map(() => 0);
  const downs = model.buckets.map(() => 0);
  return model.series.map(
    (series) => model.buckets.flatMap((_2, bucket) => {
      const value = series.values[bucket] ?? null;
      if (value === null) return [];
      const amount = positionOrZero(value);
      const ends = amount < 0 ? downs : ups;
      const from = ends[bucket] ?? 0;
      ends[bucket] = from + amount;
      const [low, high] = amount < 0 ? [from + amount, from] : [from, from + amount];
      const top = pixel(plot.y(high));
      const bottom = pixel(plot.y(low));
      const height = bottom - top > 3 ? bottom - top - 1 : Math.max(bottom - top, amount === 0 ? 0 : 0.5);
      const x2 = pixel(plot.x(bucket) + (plot.step - width) / 2);
      return [{ x: x2, y: top, width, height, bucket, value }];
    })
  );
}
function outline(bar) {
  return `M${bar.x} ${bar.y}h${bar.width}v${bar.height}h${-bar.width}z`;
}
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

// src/charts/heat.ts
var LABEL_PX = 56;
var HEAD_PX = 20;
var CELL_PX_MAX = 44;
function layOut(model, width) {
  const rows = [...new Set(model.buckets.map((bucket) => bucket.row))];
  const columns = [...new Set(model.buckets.map((bucket) => bucket.column))];
  if (columns.every((column) => /^\d\d$/.test(column))) columns.sort();
  const cellWidth = Math.min((width - LABEL_PX) / columns.length, 96);
  const cellHeight = Math.min(CELL_PX_MAX, Math.max(14, 260 / rows.length));
  const shared = Map.groupBy(model.buckets.keys(), (index) => `${model.buckets[index]?.row}
${model.buckets[index]?.column}`);
  const cells = [...shared.values()].flatMap(
    (indexes) => indexes.map((bucket, nth) => {
      const { row = "", column = "" } = model.buckets[bucket] ?? {};
      const own2 = cellWidth / indexes.length;
      return {
        bucket,
        x: pixel(LABEL_PX + columns.indexOf(column) * cellWidth + nth * own2),
        y: pixel(HEAD_PX + rows.indexOf(row) * cellHeight),
        width: Math.max(1, pixel(own2 - 2)),
        height: pixel(cellHeight - 2)
      };
    })
  );
  return { rows, columns, cells, cellWidth, cellHeight, height: HEAD_PX + rows.length * cellHeight + 4 };
}
function drawHeat(model, layout, active) {
  const totals = model.totals ?? model.series[0]?.values ?? [];
  const top = largest(totals);
  const every = Math.ceil(44 / layout.cellWidth);
  return w`
    ${layout.columns.map((column, index) => index % every === 0 ? w`<text class="tick" x=${LABEL_PX + index * layout.cellWidth} y="12">${column}</text>` : w``)}
    ${layout.rows.map((row, index) => w`<text class="tick" x="0" y=${HEAD_PX + (index + 0.5) * layout.cellHeight + 3}>${row}</text>`)}
    ${layout.cells.map((cell) => {
    const value = totals[cell.bucket] ?? null;
    const shade = value === null ? 0.04 : 0.12 + 0.88 * part(value, top);
    return w`<rect class=${active === cell.bucket ? "cell is-active" : "cell"} x=${cell.x} y=${cell.y} width=${cell.width} height=${cell.height}
        rx="2" fill-opacity=${shade.toFixed(3)} data-bucket=${model.buckets[cell.bucket]?.key ?? ""} data-value=${value ?? ""} />`;
  })}`;
}

// src/charts/lines.ts
function lineEnds(model) {
  const all = [...model.series.map((series) => series.values), model.previous ?? [], model.band?.low ?? [], model.band?.high ?? []];
  return all.flat().flatMap((value) => position(value) ?? []);
}
function drawLines(model, plot, active) {
  const isAlone = model.series.length === 1;
  return w`${model.band === void 0 ? A : drawBand(model.band, plot)}
    ${model.series.map((series) => {
    const runs = runsOf(series.values, plot);
    return w`<g class=${series.look} data-series=${series.key}>
        ${isAlone ? w`<path class="area" d=${runs.map((run) => areaOf(run, plot)).join("")} />` : A}
        <path class="stroke" d=${runs.map(pathOf).join("")} />
        ${runs.filter((run) => run.length === 1).map(([point]) => w`<circle class="dot" cx=${point?.[0] ?? 0} cy=${point?.[1] ?? 0} r="2" />`)}
        ${series.values.map((value, bucket) => drawPoint(model, series.key, value, bucket, plot, active))}
      </g>`;
  })}`;
}
function drawPrevious(model, plot) {
  if (model.previous === null) return A;
  return w`<path class="previous" d=${runsOf(model.previous.slice(0, model.buckets.length), plot).map(pathOf).join("")} />`;
}
function drawPoint(model, series, value, bucket, plot, active) {
  const place2 = position(value);
  if (place2 === null) return A;
  return w`<circle class=${active === bucket ? "dot is-active" : "dot is-unseen"} cx=${middle(plot, bucket)} cy=${pixel(plot.y(place2))} r="4"
    data-bucket=${model.buckets[bucket]?.key ?? ""} data-series=${series} data-value=${value} />`;
}
function drawBand(band, plot) {
  const high = runsOf(band.high, plot).flat();
  const low = runsOf(band.low, plot).flat().reverse();
  return w`<path class="band" d=${high.length === 0 ? "" : `${pathOf([...high, ...low])}z`} />`;
}
function runsOf(values, plot) {
  const runs = [];
  let run = null;
  values.forEach((value, bucket) => {
    const place2 = position(value);
    if (place2 === null) {
      run = null;
      return;
    }
    if (run === null) runs.push(run = []);
    run.push([middle(plot, bucket), pixel(plot.y(place2))]);
  });
  return runs;
}
function middle(plot, bucket) {
  return pixel(plot.x(bucket) + plot.step / 2);
}
function pathOf(points) {
  return points.map(([x2, y3], index) => `${index === 0 ? "M" : "L"}${x2} ${y3}`).join("");
}
function areaOf(points, plot) {
  const [first, last] = [points[0], points.at(-1)];
  if (first === void 0 || last === void 0) return "";
  const floor = pixel(plot.y(Math.max(0, plot.scale.min)));
  return `${pathOf(points)}L${last[0]} ${floor}L${first[0]} ${floor}z`;
}

// src/charts/model.ts
function plotOf(count, width, height, left, scale) {
  const [top, right, bottom] = [10, width - 4, height - 26];
  const step = (right - left) / Math.max(1, count);
  const perUnit = (bottom - top) / (scale.max - scale.min);
  return {
    left,
    right,
    top,
    bottom,
    step,
    scale,
    x: (index) => left + index * step,
    y: (value) => bottom - (value - scale.min) * perUnit
  };
}

// src/charts/chart.ts
var TIP_PX = 220;
var LABEL_PX2 = 68;
var MeterlineChart = class extends MeterlineElement {
  constructor() {
    super();
    this.plot = null;
    this.heat = null;
    this.said = "";
    this.observer = new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry?.contentRect.width ?? 0);
    });
    this.onMove = (event) => {
      this.active = this.indexAt(event);
    };
    this.leave = () => {
      this.active = null;
      this.said = "";
    };
    this.onClick = (event) => {
      const index = this.indexAt(event);
      const hit = event.target instanceof Element ? event.target.getAttribute("data-series") : null;
      if (index !== null) this.notify("bucket-open", { index, series: hit });
    };
    this.onKey = (event) => {
      const last = (this.model?.buckets.length ?? 0) - 1;
      if (last < 0) return;
      const now = this.active ?? (event.key === "ArrowLeft" ? last + 1 : -1);
      const moves = {
        ArrowRight: Math.min(last, now + 1),
        ArrowLeft: Math.max(0, now - 1),
        Home: 0,
        End: last,
        PageDown: Math.min(last, now + 7),
        PageUp: Math.max(0, now - 7)
      };
      const next = moves[event.key];
      if (next !== void 0) this.say(next);
      else if (event.key === "Enter" && this.active !== null) this.notify("bucket-open", { index: this.active, series: null });
      else if (event.key === "Escape" && this.active !== null) this.leave();
      else return;
      event.preventDefault();
    };
    this.model = null;
    this.kind = "bars";
    this.height = 260;
    this.active = null;
    this.width = 0;
  }
  static {
    this.styles = MeterlineElement.stylesWith(chart_default);
  }
  static {
    this.properties = {
      model: { attribute: false },
      kind: {},
      height: { type: Number },
      active: { state: true },
      width: { state: true }
    };
  }
  connectedCallback() {
    super.connectedCallback();
    this.observer.observe(this);
  }
  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
  }
  willUpdate(changes) {
    if (changes.has("model") && this.active !== null && this.active >= (this.model?.buckets.length ?? 0)) this.active = null;
  }
  render() {
    const { model } = this;
    if (model === null || this.width === 0) return b2`<div ${place({ height: `${this.height}px` })}></div>`;
    this.heat = this.kind === "heat" ? layOut(model, this.width) : null;
    this.plot = this.heat === null ? this.measure(model) : null;
    const height = this.heat?.height ?? this.height;
    return b2`<div class="reset stage">
      <svg class="surface" role="application" tabindex="0" aria-label="${model.name}. ${model.keysHint}" height=${height}
        viewBox="0 0 ${this.width} ${height}" @pointermove=${this.onMove} @pointerleave=${this.leave} @click=${this.onClick}
        @keydown=${this.onKey} @blur=${this.leave}>
        ${this.heat !== null ? drawHeat(model, this.heat, this.active) : this.plot !== null ? this.drawPlot(model, this.plot) : A}
      </svg>
      ${this.renderTip(model)}
      <p class="unseen" aria-live="polite">${this.said}</p>
    </div>`;
  }
  measure(model) {
    const ends = this.kind === "bars" ? [...stackEnds(model), ...(model.previous ?? []).flatMap((value) => position(value) ?? [])] : lineEnds(model);
    const scale = scaleOf(ends, this.height < 200 ? 3 : 4);
    const longest = Math.max(...scale.ticks.map((tick) => model.tick(tick).length));
    return plotOf(model.buckets.length, this.width, this.height, longest * 7 + 12, scale);
  }
  drawPlot(model, plot) {
    return w`
      ${plot.scale.ticks.map((tick) => w`
        <line class=${tick === 0 ? "axis" : "grid"} x1=${plot.left} x2=${plot.right} y1=${plot.y(tick)} y2=${plot.y(tick)} />
        <text class="tick" text-anchor="end" x=${plot.left - 8} y=${plot.y(tick) + 4}>${model.tick(tick)}</text>`)}
      ${this.active === null ? A : w`<rect class="column" x=${plot.x(this.active)} y=${plot.top} width=${plot.step} height=${plot.bottom - plot.top} />`}
      ${this.kind === "bars" ? drawBars(model, plot, this.active) : drawLines(model, plot, this.active)}
      ${drawPrevious(model, plot)}
      ${this.drawLabels(model, plot)}`;
  }
  drawLabels(model, plot) {
    const every = Math.max(1, Math.ceil(LABEL_PX2 / plot.step));
    return model.buckets.flatMap((bucket, index) => {
      if (index % every !== 0) return [];
      const x2 = Math.min(Math.max(plot.x(index) + plot.step / 2, 20), this.width - 22);
      return [w`<text class="tick" text-anchor="middle" x=${x2} y=${this.height - 6}>${bucket.label}</text>`];
    });
  }
  renderTip(model) {
    const bucket = this.active === null ? void 0 : model.buckets[this.active];
    if (this.active === null || bucket === void 0) return A;
    const index = this.active;
    const [x2, y3] = this.tipPlace(index);
    const rows = model.series.filter((series) => (series.values[index] ?? null) !== null);
    const total = model.totals?.[index] ?? null;
    const previous = model.previous?.[index] ?? null;
    return b2`<div class="tip" ${place({ transform: `translate(${x2}px, ${y3}px)` })}>
      <h3>${bucket.full}</h3>
      <dl>
        ${rows.map((series) => b2`<dt>${swatch(series.look)}${series.label}</dt><dd>${model.print(series.values[index] ?? "")}</dd>`)}
        ${total === null || rows.length < 2 ? A : b2`<dt class="is-total">${model.totalText}</dt><dd class="is-total">${model.print(total)}</dd>`}
        ${previous === null ? A : b2`<dt class="is-previous">${model.previousText}</dt><dd class="is-previous">${model.print(previous)}</dd>`}
      </dl>
    </div>`;
  }
  /** Beside the bucket, on the side that has room. */
  tipPlace(index) {
    const cell = this.heat?.cells.find((each) => each.bucket === index);
    const left = cell?.x ?? this.plot?.x(index) ?? 0;
    const width = cell?.width ?? this.plot?.step ?? 0;
    const x2 = left + width + 8 + TIP_PX > this.width ? Math.max(0, left - TIP_PX - 8 + 60) : left + width + 8;
    return [Math.round(x2), Math.round(cell === void 0 ? 4 : Math.max(0, cell.y - 20))];
  }
  indexAt(event) {
    const surface = event.currentTarget;
    const box = surface.getBoundingClientRect();
    const [x2, y3] = [event.clientX - box.left, event.clientY - box.top];
    if (this.heat !== null) {
      return this.heat.cells.find((cell) => x2 >= cell.x && x2 < cell.x + cell.width + 2 && y3 >= cell.y && y3 < cell.y + cell.height + 2)?.bucket ?? null;
    }
    if (this.plot === null || x2 < this.plot.left || x2 > this.plot.right) return null;
    return Math.min((this.model?.buckets.length ?? 1) - 1, Math.floor((x2 - this.plot.left) / this.plot.step));
  }
  say(index) {
    this.active = index;
    const { model } = this;
    if (model === null) return;
    const values = model.series.flatMap((series) => {
      const value = series.values[index] ?? null;
      return value === null ? [] : [`${series.label} ${model.print(value)}`];
    });
    const total = model.totals?.[index] ?? null;
    if (total !== null && values.length !== 1) values.push(`${model.totalText} ${model.print(total)}`);
    this.said = [model.buckets[index]?.full ?? "", ...values].join(", ");
  }
};
define("meterline-chart", MeterlineChart);

// src/charts/waterfall.ts
var HEIGHT = 216;
var TOP = 26;
var FLOOR = 168;
var COLUMN_PX_MIN = 108;
var MeterlineWaterfall = class extends MeterlineElement {
  constructor() {
    super();
    this.observer = new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry?.contentRect.width ?? 0);
    });
    this.open = (key) => this.notify("step-open", { key });
    this.name = "";
    this.steps = [];
    this.width = 0;
  }
  static {
    this.styles = MeterlineElement.stylesWith(chart_default);
  }
  static {
    this.properties = {
      name: {},
      steps: { attribute: false },
      width: { state: true }
    };
  }
  connectedCallback() {
    super.connectedCallback();
    this.observer.observe(this);
  }
  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
  }
  render() {
    if (this.width === 0) return A;
    const falls = fallsOf(this.steps);
    const isWide = this.width / falls.length >= COLUMN_PX_MIN;
    return b2`<div class="reset">${isWide ? this.renderColumns(falls) : this.renderRows(falls)}</div>`;
  }
  renderColumns(falls) {
    const scale = spanOf(falls);
    const column = this.width / falls.length;
    const y3 = (value) => pixel(FLOOR - (value - scale.min) / (scale.max - scale.min) * (FLOOR - TOP));
    return b2`<svg class="surface" role="group" aria-label=${this.name} height=${HEIGHT} viewBox="0 0 ${this.width} ${HEIGHT}">
      <line class="axis" x1="0" x2=${this.width} y1=${FLOOR} y2=${FLOOR} />
      ${falls.map((fall, index) => drawFall(fall, index, column, y3, scale.min, index < falls.length - 1, this.open))}
    </svg>`;
  }
  renderRows(falls) {
    const scale = spanOf(falls);
    const x2 = (value) => (value - scale.min) / (scale.max - scale.min) * this.width;
    return b2`<ol class="falls">${falls.map(({ step, from, to }) => {
      const left = step.isEnd ? 0 : x2(Math.min(from, to));
      const width = Math.max(1, x2(Math.max(from, to)) - left);
      return b2`<li>
        <span class="line"><span>${step.label}</span>${step.isEnd ? b2`<b data-value=${step.value}>${step.text}</b>` : b2`<button class="figure" type="button" data-value=${step.value} @click=${() => this.open(step.key)}>${step.text}</button>`}</span>
        <svg viewBox="0 0 ${this.width} 8" preserveAspectRatio="none" aria-hidden="true">${w`
          <rect class="fall ${lookOf(step)}" x=${pixel(left)} y="0" width=${pixel(width)} height="8" rx="2" />`}</svg>
        ${step.detail === "" ? A : b2`<span class="small">${step.detail}</span>`}
      </li>`;
    })}</ol>`;
  }
};
function drawFall(fall, index, column, y3, floor, hasNext, open) {
  const { step, from, to } = fall;
  const width = pixel(Math.min(column * 0.58, 120));
  const middle2 = (index + 0.5) * column;
  const left = pixel(middle2 - width / 2);
  const top = Math.min(y3(from), y3(to));
  const height = Math.max(1.5, Math.abs(y3(from) - y3(to)));
  const onKey = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(step.key);
  };
  const drawing = w`
    <rect class="fall ${lookOf(step)}" x=${left} y=${top} width=${width} height=${height} rx="2" />
    ${step.isEnd && floor > 0 ? w`<path class="tear" d=${tear(left, width)} />` : A}
    ${hasNext ? w`<line class="joint" x1=${left + width} x2=${left + column} y1=${y3(to)} y2=${y3(to)} />` : A}
    <text class="amount" x=${middle2} y=${top - 8}>${step.text}</text>
    <text class="what" x=${middle2} y=${FLOOR + 20}>${shortened(step.label, column)}</text>
    <text class="what is-small" x=${middle2} y=${FLOOR + 37}>${shortened(step.detail, column)}</text>`;
  return step.isEnd ? w`<g data-step=${step.key} data-value=${step.value}>${drawing}</g>` : w`<g class="step" role="button" tabindex="0" aria-label="${step.label}: ${step.text}" data-step=${step.key} data-value=${step.value}
        @click=${() => open(step.key)} @keydown=${onKey}>${drawing}</g>`;
}
function fallsOf(steps) {
  let level = 0;
  return steps.map((step) => {
    const from = step.isEnd ? 0 : level;
    level = step.isEnd ? positionOrZero(step.value) : level + positionOrZero(step.value);
    return { step, from, to: level };
  });
}
function spanOf(falls) {
  const levels = falls.flatMap(({ step, from, to }) => step.isEnd ? [to] : [from, to]);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const spread = high - low;
  if (low <= 0 || spread === 0 || spread > high * 0.5) return scaleOf(levels, 3);
  return { min: low - spread * 0.6, max: high };
}
function tear(left, width) {
  const wave = Array.from({ length: 5 }, (_2, index) => `L${pixel(left + (index + 0.5) * width / 4.5)} ${FLOOR - 10 + (index % 2 === 0 ? 4 : -2)}`);
  return `M${left - 1} ${FLOOR - 12}${wave.join("")}L${left + width + 1} ${FLOOR - 12}`;
}
function lookOf(step) {
  if (step.isEnd) return "is-end";
  return step.value.startsWith("-") ? "is-less" : "is-more";
}
function shortened(text, column) {
  const lettersMax = Math.floor(column / 6.2);
  return text.length > lettersMax ? `${text.slice(0, lettersMax - 1)}…` : text;
}
define("meterline-waterfall", MeterlineWaterfall);

// src/styles/drawer.css
var drawer_default = ":host { display: contents; container-type: normal; }\n\ndialog {\n  margin: 0 0 0 auto;\n  width: min(440px, 100vw);\n  max-width: none;\n  height: 100dvh;\n  max-height: none;\n  padding: 0;\n  border: 0;\n  border-left: 1px solid var(--_line);\n  background: var(--_raised);\n  color-scheme: inherit;\n}\n\ndialog::backdrop { background: light-dark(rgb(20 24 31 / 28%), rgb(0 0 0 / 55%)); }\ndialog[open] { animation: arrive 150ms ease-out; }\n\nheader {\n  position: sticky;\n  top: 0;\n  display: flex;\n  align-items: center;\n  justify-content: space-between;\n  gap: 12px;\n  padding: 14px 16px 14px 24px;\n  border-bottom: 1px solid var(--_line);\n  background: var(--_raised);\n}\n\n.body { display: grid; gap: 16px; padding: 20px 24px 32px; }\n\n@keyframes arrive { from { opacity: 0; transform: translateX(16px); } }\n\n@media print { dialog { display: none; } }\n";

// src/parts/drawer.ts
var MeterlineDrawer = class extends MeterlineElement {
  constructor() {
    super();
    this.onBackdrop = (event) => {
      if (event.target === event.currentTarget) this.close();
    };
    this.close = () => {
      this.renderRoot.querySelector("dialog")?.close();
    };
    this.heading = "";
    this.closeText = "";
    this.isOpen = false;
  }
  static {
    this.styles = MeterlineElement.stylesWith(drawer_default);
  }
  static {
    this.properties = {
      heading: {},
      closeText: { attribute: "close-text" },
      isOpen: { attribute: false }
    };
  }
  updated() {
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog === null || dialog.open === this.isOpen) return;
    if (this.isOpen) dialog.showModal();
    else dialog.close();
  }
  render() {
    return b2`<dialog aria-labelledby="heading" @close=${() => this.notify("drawer-close", null)} @click=${this.onBackdrop}>
      <div class="reset">
        <header>
          <h2 id="heading" class="card-title">${this.heading}</h2>
          <button class="button is-bare is-icon" type="button" aria-label=${this.closeText} @click=${this.close}>${icon("close")}</button>
        </header>
        <div class="body"><slot></slot></div>
      </div>
    </dialog>`;
  }
};
define("meterline-drawer", MeterlineDrawer);

// src/kit.ts
function configure(configuration) {
  client.configure(configuration);
}
function logout() {
  client.reset();
}
var own = new URL(import.meta.url).origin;
if (own === location.origin) client.configure({ baseUrl: own });
export {
  configure,
  logout
};
/*! Bundled license information:

@lit/reactive-element/css-tag.js:
  (**
   * @license
   * Copyright 2019 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)

@lit/reactive-element/reactive-element.js:
lit-html/lit-html.js:
lit-element/lit-element.js:
lit-html/directive.js:
  (**
   * @license
   * Copyright 2017 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)

lit-html/is-server.js:
  (**
   * @license
   * Copyright 2022 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)
*/
