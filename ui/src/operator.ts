/** The seller's pages, apart from the kit: customers never load them. The preview shows the real elements. */

import "./english.ts";
import "./charts/chart.ts";
import "./charts/waterfall.ts";
import "./parts/drawer.ts";
import "./seller/preview.ts";
import "./views/cost.ts";
import "./views/invoice.ts";
import "./views/invoices.ts";
import "./views/operator.ts";
import "./views/overview.ts";
import "./views/plan.ts";
import "./views/portal.ts";
import "./views/usage.ts";
