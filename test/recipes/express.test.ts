import { createServer } from 'node:http';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { ROOT } from '../markdown.ts';
import { describeOutage } from './middleware-outage.ts';
import { describeMiddleware } from './middleware.ts';
import { close, listen, type ProtectedApp, type Recipe, type Seen } from './protected-app.ts';

interface KeyctlForExpress {
  readonly keyctl: (recipe: Recipe) => RequestHandler;
  readonly refundFailures: (recipe: Recipe) => RequestHandler;
}

const FILE = 'recipes/express/keyctl.js';
const { keyctl, refundFailures } = (await import(`${ROOT}${FILE}`)) as KeyctlForExpress;

async function startApp(recipe: Recipe): Promise<ProtectedApp> {
  const seen: Seen[] = [];
  const log: string[] = [];
  const app = express();
  // A logger that writes down all that it finds, when the answer is out, as many do.
  app.use((req: Request, res: Response, next: NextFunction) => {
    res.on('finish', () => log.push(JSON.stringify([req.method, req.originalUrl, req.headers, res.getHeaders()])));
    next();
  });
  const remember: RequestHandler = (req, _, next) => {
    seen.push({ headers: { ...req.headers }, keyctl: (req as Request & Pick<Seen, 'keyctl'>).keyctl });
    next();
  };
  app.use('/search', keyctl({ ...recipe, service: 'search' }), remember);
  app.use(['/things', '/broken'], keyctl(recipe), refundFailures(recipe), remember);
  app.get(['/things', '/search'], (_, res) => void res.send('things'));
  app.get('/free', (_, res) => void res.send('free'));
  app.get('/broken', () => {
    throw new Error('broken');
  });
  app.use((error: Error, _: Request, res: Response, __: NextFunction) => void res.status(500).send(error.message));
  const server = createServer(app);
  return { port: await listen(server), seen, log: () => log.join('\n'), stop: () => close(server) };
}

describeMiddleware(FILE, startApp);
describeOutage(FILE, startApp);
