// Usage and cost as components of a React application. `npm install && npm run build` makes ../pages/react.js of it.
import * as React from "react";
import { createRoot } from "react-dom/client";

const root = document.getElementById("root");
const portal = root.dataset.portal;
// The kit comes from the portal, so that it always fits the portal's version; React is the application's own.
const [{ configure }, { createComponents }] = await Promise.all([
  import(`${portal}/ui/v1/kit.js`),
  import(`${portal}/ui/v1/react.js`),
]);
const { Usage, Cost } = createComponents(React);

configure({ baseUrl: portal, fetchToken: () => fetch("/portal-token").then((response) => response.text()) });

function App() {
  const [group, setGroup] = React.useState("origin");
  const [said, setSaid] = React.useState("");
  return (
    <main>
      <h1>Sky Cloud</h1>
      <button onClick={() => setGroup(group === "" ? "origin" : "")}>Group or not</button>
      <p id="said">{said}</p>
      <Usage meter="flights" groupBy={group} onStateChanged={({ query }) => setSaid(query)} />
      <Cost />
    </main>
  );
}

createRoot(root).render(<App />);
