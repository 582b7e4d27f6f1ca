// What the provider does not have of its own: customers, strengths of a login,
// and an API that takes its access tokens.

import { createHash, randomBytes } from 'node:crypto';

import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';

// Whoever logs in is a customer, known by what was typed as the name.
export const accounts = {
  find: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `Customer ${id}`, email: `${encodeURIComponent(id)}@bank.example`, email_verified: true }),
  }),
};

// The strength of a login (acr), which acr_values of a request asks for.
export const acr = {
  password: 'urn:bank:password',
  strong: 'urn:bank:strong',

  wanted: (params) => (params.acr_values?.split(' ').includes(acr.strong) ? acr.strong : acr.password),

  // The login page of the provider knows no strengths: whoever is asked for a
  // strong login has given one by logging in.
  install(provider) {
    const finish = provider.interactionFinished.bind(provider);
    provider.interactionFinished = async (req, res, result, options) => {
      if (result.login) {
        const { params } = await provider.interactionDetails(req, res);
        result.login.acr = acr.wanted(params);
      }
      return finish(req, res, result, options);
    };
  },

  // What introspection and the API below know of the login behind a token (RFC 9470
  // section 6).
  claims(ctx) {
    const { AuthorizationCode, RefreshToken, DeviceCode, BackchannelAuthenticationRequest } = ctx.oidc.entities;
    const from = AuthorizationCode || RefreshToken || DeviceCode || BackchannelAuthenticationRequest;
    return from?.acr && { acr: from.acr, auth_time: from.authTime };
  },
};

// A Refusal is a 401 with a WWW-Authenticate of RFC 6750, 9449 or 9470.
class Refusal extends Error {
  constructor(scheme, error, more = {}) {
    super(error);
    this.scheme = scheme;
    this.parameters = { ...(error && { error }), ...more };
  }
}

// registerResources adds
//
//   GET /resource    200 {"sub": …, "scope": …} for a token of any client
//   GET /transfer    the same, for a token of a strong login
//
// Both take Bearer and DPoP tokens (RFC 6750, RFC 9449), and certificate-bound
// ones (RFC 8705) over TLS.
export function registerResources(provider, { requireNonce, thumbprint }) {
  const nonce = randomBytes(16).toString('base64url'); // of this API, not of the provider
  const seen = new Set();

  async function verifyProof(ctx, value) {
    const refuse = (error, more) => new Refusal('DPoP', error, { algs: 'ES256 EdDSA', ...more });
    let proof;
    try {
      proof = await jwtVerify(ctx.get('DPoP'), EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256', 'EdDSA', 'Ed25519'] });
    } catch {
      throw refuse('invalid_dpop_proof');
    }
    const { payload: p, protectedHeader } = proof;
    const ath = createHash('sha256').update(value).digest('base64url');
    if (p.htm !== ctx.method || p.htu !== `${ctx.protocol}://${ctx.host}${ctx.path}` || p.ath !== ath || !p.jti
      || !(Math.abs(Date.now() / 1000 - p.iat) < 60)) {
      throw refuse('invalid_dpop_proof');
    }
    if (p.nonce === undefined ? requireNonce : p.nonce !== nonce) {
      ctx.set('DPoP-Nonce', nonce);
      throw refuse('use_dpop_nonce');
    }
    if (seen.has(p.jti)) {
      throw refuse('invalid_dpop_proof');
    }
    seen.add(p.jti);
    return calculateJwkThumbprint(protectedHeader.jwk);
  }

  async function tokenOf(ctx) {
    const [, scheme, value] = /^(Bearer|DPoP) ([\w~+/.=-]+)$/i.exec(ctx.get('Authorization')) || [];
    if (!value) {
      throw new Refusal('Bearer');
    }
    const isDPoP = scheme.toLowerCase() === 'dpop';
    const jkt = isDPoP ? await verifyProof(ctx, value) : undefined;
    const token = await provider.AccessToken.find(value);
    if (!token?.isValid || token.jkt !== jkt || (token['x5t#S256'] && token['x5t#S256'] !== thumbprint(ctx))) {
      throw new Refusal(isDPoP ? 'DPoP' : 'Bearer', 'invalid_token');
    }
    // A token of a grant that has been revoked is dead too.
    if (!await provider.Grant.find(token.grantId)) {
      throw new Refusal(isDPoP ? 'DPoP' : 'Bearer', 'invalid_token');
    }
    return token;
  }

  async function answer(ctx) {
    const token = await tokenOf(ctx);
    if (ctx.path === '/transfer' && token.extra?.acr !== acr.strong) {
      throw new Refusal(token.jkt ? 'DPoP' : 'Bearer', 'insufficient_user_authentication', { acr_values: acr.strong });
    }
    ctx.body = { sub: token.accountId, scope: token.scope };
  }

  provider.use(async (ctx, next) => {
    if (ctx.method !== 'GET' || !['/resource', '/transfer'].includes(ctx.path)) {
      return next();
    }
    ctx.set('Cache-Control', 'no-store');
    try {
      await answer(ctx);
    } catch (err) {
      if (!(err instanceof Refusal)) throw err;
      ctx.status = 401;
      const parameters = Object.entries({ realm: provider.issuer, ...err.parameters });
      ctx.set('WWW-Authenticate', `${err.scheme} ${parameters.map(([k, v]) => `${k}="${v}"`).join(', ')}`);
      ctx.body = { error: err.message || 'unauthorized' };
    }
    return undefined;
  });
}
