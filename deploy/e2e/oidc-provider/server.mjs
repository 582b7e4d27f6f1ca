// An OpenID Provider on loopback, made of panva's oidc-provider with as much of
// it turned on as flows have steps for. It prints one line of JSON once it
// listens, and logs to standard error. Its memory is its own, so each start is a
// new server; the login page accepts any name with any password.
//
// Environment, all of it optional:
//
//   OIDC_PORT          where to listen on 127.0.0.1; 0, the default, is any free port
//   OIDC_ISSUER        the issuer, where a proxy in front is what clients know; by
//                      default the server's own address. The proxy has to pass on Host
//                      or set X-Forwarded-Host.
//   OIDC_DIR           a folder for the clients' private keys, written as NAME.pem (PKCS #8)
//                      and NAME.jwk.json; by default none are written
//   OIDC_ACCESS_TTL    seconds that access tokens live, 3600 by default
//   OIDC_REFRESH_TTL   seconds that refresh tokens live, a day by default
//   OIDC_DPOP_NONCE    1: a DPoP proof without a nonce of the server is refused
//   OIDC_CIBA_MS       milliseconds until the customer approves, 1000 by default; 0 is before
//                      the shop has its answer
//   OIDC_TLS_CERT, OIDC_TLS_KEY   PEM files: serve over TLS, asking for a certificate
//   OIDC_CLIENT_CA     PEM file: who vouches for the certificate of the client mtls
//   OIDC_CLIENT_CERT   PEM file: the certificate of the client self-signed

import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import { join } from 'node:path';

import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { errors, interactionPolicy, Provider } from 'oidc-provider';

import { accounts, acr, registerResources } from './resources.mjs';

const env = process.env;
const seconds = (name, otherwise) => Number(env[name] || otherwise);
const pem = (name) => (env[name] ? readFileSync(env[name], 'utf8') : undefined);

// Listening comes first: the issuer is the address. Who asks before there is a
// provider is told so; Node would let them wait for ever.
let handle = (req, res) => { res.statusCode = 503; res.end(); };
const overTLS = Boolean(env.OIDC_TLS_CERT);
const server = overTLS
  ? createTLSServer({
    cert: pem('OIDC_TLS_CERT'),
    key: pem('OIDC_TLS_KEY'),
    // The names here are what the server says it accepts; many clients send nothing else.
    ca: [pem('OIDC_CLIENT_CA'), pem('OIDC_CLIENT_CERT')].filter(Boolean),
    requestCert: true,
    rejectUnauthorized: false,
  })
  : createServer();
server.on('request', (req, res) => handle(req, res));
await new Promise((listening, failed) => {
  server.once('error', failed).listen(Number(env.OIDC_PORT || 0), '127.0.0.1', listening);
});
const url = `${overTLS ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
const issuer = env.OIDC_ISSUER || url;

// A key that one client signs with, new with each start.
async function clientKey(name, alg) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `${name}-${randomBytes(4).toString('hex')}`;
  if (env.OIDC_DIR) {
    writeFileSync(join(env.OIDC_DIR, `${name}.pem`), await exportPKCS8(privateKey), { mode: 0o600 });
    writeFileSync(join(env.OIDC_DIR, `${name}.jwk.json`), JSON.stringify({ ...await exportJWK(privateKey), kid, alg }), { mode: 0o600 });
  }
  return { ...await exportJWK(publicKey), kid, alg, use: 'sig' };
}

async function serverKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...await exportJWK(privateKey), use: 'sig', kid: `server-${alg}` };
}

const es256 = await clientKey('es256', 'ES256');
const ps256 = await clientKey('ps256', 'PS256');

const webRedirect = 'https://app.bank.example/callback';
const nativeRedirects = ['com.example.bank:/callback', 'http://127.0.0.1/callback'];
const ciba = 'urn:openid:params:grant-type:ciba';
const device = 'urn:ietf:params:oauth:grant-type:device_code';
// With what has to be encoded in HTTP Basic (RFC 6749 section 2.3.1) and in forms.
const secret = () => `${randomBytes(24).toString('base64')}:%41&+`;

const web = { redirect_uris: [webRedirect], grant_types: ['authorization_code', 'refresh_token'] };
const native = {
  application_type: 'native', redirect_uris: nativeRedirects, token_endpoint_auth_method: 'none', grant_types: web.grant_types,
};
const keyed = (key) => ({
  ...web, jwks: { keys: [key] }, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: key.alg,
});

const clients = [
  { client_id: 'public', ...native },
  { client_id: 'dpop', ...native, dpop_bound_access_tokens: true },
  { client_id: 'device', token_endpoint_auth_method: 'none', redirect_uris: [], response_types: [], grant_types: [device, 'refresh_token'] },
  { client_id: 'basic', ...web, client_secret: secret(), grant_types: [...web.grant_types, 'client_credentials'] },
  { client_id: 'post', ...web, client_secret: secret(), token_endpoint_auth_method: 'client_secret_post' },
  {
    client_id: 'ciba', client_secret: secret(), redirect_uris: [], response_types: [], grant_types: [ciba, 'refresh_token'],
    backchannel_token_delivery_mode: 'poll',
  },
  { client_id: 'es256', ...keyed(es256) },
  { client_id: 'ps256', ...keyed(ps256) },
  { client_id: 'jar', ...keyed(es256), request_object_signing_alg: 'ES256', require_signed_request_object: true },
  { client_id: 'fapi', ...keyed(ps256), require_pushed_authorization_requests: true, dpop_bound_access_tokens: true },
];

const fapiProfiles = { fapi: '2.0', fapi1: '1.0 Final', 'fapi1-jarm': '1.0 Final' };

// With TLS there are four more, who show a certificate.
const bound = { ...web, tls_client_certificate_bound_access_tokens: true };
if (overTLS) {
  const shown = { ...bound, token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'mtls.client.test' };
  clients.push({ client_id: 'mtls', ...shown });
  // FAPI 1 Advanced: what is asked is signed, and so is what comes back, as an ID token or (JARM) whole.
  const fapi1 = {
    ...shown, jwks: { keys: [ps256] }, require_signed_request_object: true, request_object_signing_alg: 'PS256',
    id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256',
  };
  clients.push({ client_id: 'fapi1', ...fapi1, response_types: ['code id_token'], grant_types: [...web.grant_types, 'implicit'] });
  clients.push({ client_id: 'fapi1-jarm', ...fapi1 });
}
if (overTLS && env.OIDC_CLIENT_CERT) {
  const cert = new X509Certificate(pem('OIDC_CLIENT_CERT'));
  const key = { ...await exportJWK(cert.publicKey), use: 'sig', x5c: [cert.raw.toString('base64')] };
  clients.push({ client_id: 'self-signed', ...bound, token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [key] } });
}

// An authorization request may ask for a stronger login than the session had.
const policy = interactionPolicy.base();
policy.get('login').checks.add(new interactionPolicy.Check('step_up', 'a stronger login is asked for', ({ oidc }) => (
  acr.wanted(oidc.params) === acr.strong && oidc.session.acr !== acr.strong
)));

// The customer agrees on another device, after a while. One whose name begins
// with deny refuses, and one whose name begins with never does not answer.
async function answerCIBA(ctx, request, account, client) {
  if (account.accountId.startsWith('never')) return;
  const answer = async () => {
    if (account.accountId.startsWith('deny')) {
      await provider.backchannelResult(request, new errors.AccessDenied());
      return;
    }
    const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
    grant.addOIDCScope(request.scope);
    await grant.save();
    await provider.backchannelResult(request, grant, { acr: acr.strong, authTime: Math.floor(Date.now() / 1000) });
  };
  const after = seconds('OIDC_CIBA_MS', 1000);
  if (after === 0) {
    await answer();
  } else {
    setTimeout(answer, after).unref();
  }
}

const certificate = (ctx) => ctx.socket.getPeerCertificate?.()?.raw;

const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [await serverKey('RS256'), await serverKey('ES256')] },
  cookies: { keys: [randomBytes(24).toString('hex')] },
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], acr: null, auth_time: null },
  acrValues: [acr.password, acr.strong],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
  clockTolerance: 5,
  findAccount: accounts.find,
  interactions: { policy },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  extraTokenClaims: acr.claims,
  ttl: {
    AccessToken: seconds('OIDC_ACCESS_TTL', 3600),
    ClientCredentials: seconds('OIDC_ACCESS_TTL', 3600),
    RefreshToken: seconds('OIDC_REFRESH_TTL', 86400),
  },
  features: {
    devInteractions: { enabled: true },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    jwtResponseModes: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true },
    resourceIndicators: { enabled: false },
    deviceFlow: { enabled: true },
    fapi: { enabled: true, profile: (ctx, client) => fapiProfiles[client?.clientId] },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => env.OIDC_DPOP_NONCE === '1' },
    ciba: {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: (ctx, hint) => hint,
      verifyUserCode: () => {},
      validateRequestContext: () => {},
      triggerAuthenticationDevice: answerCIBA,
    },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => certificate(ctx) && new X509Certificate(certificate(ctx)),
      certificateAuthorized: (ctx) => ctx.socket.authorized === true,
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
        && new X509Certificate(certificate(ctx)).subjectAltName?.split(', ').includes(`DNS:${expected}`) === true,
    },
  },
});
provider.proxy = true; // its own links begin with what X-Forwarded-Host and -Proto say

acr.install(provider);
registerResources(provider, {
  requireNonce: env.OIDC_DPOP_NONCE === '1',
  thumbprint: (ctx) => certificate(ctx) && createHash('sha256').update(certificate(ctx)).digest('base64url'),
});
provider.on('server_error', (ctx, err) => console.error(err));
for (const event of ['grant', 'authorization', 'pushed_authorization_request', 'backchannel_authentication', 'introspection', 'revocation', 'userinfo']) {
  // Clients are told less than that.
  provider.on(`${event}.error`, (ctx, err) => console.error(event, err.message, err.error_description ?? '', err.error_detail ?? ''));
}
handle = provider.callback();

console.log(JSON.stringify({
  url,
  issuer,
  web_redirect_uri: webRedirect,
  native_redirect_uris: nativeRedirects,
  secrets: Object.fromEntries(clients.filter((c) => c.client_secret).map((c) => [c.client_id, c.client_secret])),
  keys: { es256: es256.kid, ps256: ps256.kid },
}));
