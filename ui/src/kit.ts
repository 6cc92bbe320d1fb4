/** The kit: importing it defines the elements; `configure` says where the portal is. */

import { client, type Configuration } from "./client.ts";
import "./charts/chart.ts";
import "./charts/waterfall.ts";
import "./frame/content.ts";
import "./frame/frame.ts";
import "./parts/drawer.ts";
import "./views/cost.ts";
import "./views/invoice.ts";
import "./views/invoices.ts";
import "./views/overview.ts";
import "./views/plan.ts";
import "./views/portal.ts";
import "./views/usage.ts";

export type { Configuration } from "./client.ts";

/** Say where the portal is and how to get a token. The elements wait for it unless the portal's own page shows them. */
export function configure(configuration: Configuration): void {
  client.configure(configuration);
}

/** Forget the session, as when the reader signs out of the page around the elements. */
export function logout(): void {
  client.reset();
}

// On the portal's own pages the cookie speaks for the reader, unless they stand in a frame, whose token comes from the page
// around it. Anywhere else the elements would ask the wrong server.
const own = new URL(import.meta.url).origin;
const isFrame = document.querySelector("meterline-frame-content") !== null;
if (own === location.origin && !isFrame) client.configure({ baseUrl: own });
