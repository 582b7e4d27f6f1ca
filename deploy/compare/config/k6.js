// Written from k6's documentation; it has not been run by this project.
//
// Wants of the environment: BANK_URL, BANK_USERNAME, BANK_PASSWORD, DURATION like 30s,
// and SUMMARY, a path at which it leaves how many flows there were and how many failed.
//
//   k6 run --quiet k6.js
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';

const runs = new Counter('flow_runs');
const failed = new Counter('flow_failed');

export const options = {
  scenarios: {
    'retail-login': {
      executor: 'constant-arrival-rate',
      rate: 10, // every 100ms, for 10s
      timeUnit: '1s',
      duration: __ENV.DURATION,
      preAllocatedVUs: 10,
    },
  },
  // Connections are kept within a flow and not from one to the next. Without it a VU
  // keeps its own for as long as it lives.
  noVUConnectionReuse: true,
};

const bank = __ENV.BANK_URL;
const json = { headers: { 'Content-Type': 'application/json' }, timeout: '1s' };

export default function () {
  runs.add(1);
  if (!flow()) {
    failed.add(1);
  }
}

function flow() {
  const credentials = { username: __ENV.BANK_USERNAME, password: __ENV.BANK_PASSWORD };
  let r = http.post(`${bank}/v1/login`, JSON.stringify(credentials), json);
  if (!check(r, { 'logged in': (r) => r.status === 200 && r.json('access_token') !== '' })) {
    return false;
  }
  const bearer = { headers: { Authorization: `Bearer ${r.json('access_token')}` }, timeout: '1s' };
  r = http.get(`${bank}/v1/accounts`, bearer);
  if (!check(r, { 'has accounts': (r) => r.status === 200 && r.json('accounts').length > 0 })) {
    return false;
  }
  r = http.post(`${bank}/v1/logout`, null, bearer);
  return check(r, { 'logged out': (r) => r.status === 204 });
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  return { [__ENV.SUMMARY]: JSON.stringify({ runs: count('flow_runs'), failed: count('flow_failed') }) };
}
