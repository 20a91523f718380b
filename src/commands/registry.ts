import type { CommandModule } from './call.ts';

/** A command as `--help` lists it; its own options are loaded only when it is called. */
export interface Entry {
  /** `create`, or `tier set` for a verb of a noun. */
  readonly path: string;
  readonly group: 'Keys' | 'Accounts' | 'Credits' | 'Operate';
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: CommandModule }>;
}

/** The path is the command: `tier set` lives in tier/set.ts. A noun that is a command itself stands before its verbs. */
export const REGISTRY: readonly Entry[] = [
  { path: 'create', group: 'Keys', summary: 'create an API key and show it once', load: () => import('./create.ts') },
  { path: 'list', group: 'Keys', summary: 'list keys', load: () => import('./list.ts') },
  { path: 'view', group: 'Keys', summary: 'show one key', load: () => import('./view.ts') },
  { path: 'rename', group: 'Keys', summary: 'rename a key', load: () => import('./rename.ts') },
  { path: 'edit', group: 'Keys', summary: "change a key's expiry, services, ranges, cap or note", load: () => import('./edit.ts') },
  { path: 'disable', group: 'Keys', summary: 'disable keys, at once and everywhere', load: () => import('./disable.ts') },
  { path: 'enable', group: 'Keys', summary: 'enable keys again', load: () => import('./enable.ts') },
  { path: 'delete', group: 'Keys', summary: 'delete a key for good', load: () => import('./delete.ts') },
  { path: 'rotate', group: 'Keys', summary: 'replace a key by a new one, with a grace for the old', load: () => import('./rotate.ts') },
  { path: 'verify', group: 'Keys', summary: 'verify a key that is read from stdin', load: () => import('./verify.ts') },
  { path: 'explain', group: 'Keys', summary: 'say, check by check, why a request would pass or not', load: () => import('./explain.ts') },
  { path: 'account create', group: 'Accounts', summary: 'create an account', load: () => import('./account/create.ts') },
  { path: 'account list', group: 'Accounts', summary: 'list accounts', load: () => import('./account/list.ts') },
  { path: 'account view', group: 'Accounts', summary: 'show one account', load: () => import('./account/view.ts') },
  { path: 'account rename', group: 'Accounts', summary: 'rename an account', load: () => import('./account/rename.ts') },
  { path: 'account suspend', group: 'Accounts', summary: 'deny every key of an account', load: () => import('./account/suspend.ts') },
  { path: 'account resume', group: 'Accounts', summary: 'let a suspended account go on', load: () => import('./account/resume.ts') },
  { path: 'tier list', group: 'Accounts', summary: 'list tiers', load: () => import('./tier/list.ts') },
  { path: 'tier view', group: 'Accounts', summary: 'show one tier', load: () => import('./tier/view.ts') },
  { path: 'tier create', group: 'Accounts', summary: 'create a tier', load: () => import('./tier/create.ts') },
  { path: 'tier edit', group: 'Accounts', summary: "change a tier's daily credits or limits", load: () => import('./tier/edit.ts') },
  { path: 'tier delete', group: 'Accounts', summary: 'delete a tier that no account has', load: () => import('./tier/delete.ts') },
  { path: 'tier set', group: 'Accounts', summary: 'give an account another tier', load: () => import('./tier/set.ts') },
  { path: 'service list', group: 'Accounts', summary: 'list services', load: () => import('./service/list.ts') },
  { path: 'service create', group: 'Accounts', summary: 'create a service', load: () => import('./service/create.ts') },
  {
    path: 'service edit',
    group: 'Accounts',
    summary: 'change what a service costs or which environment it admits',
    load: () => import('./service/edit.ts'),
  },
  { path: 'service delete', group: 'Accounts', summary: 'delete a service', load: () => import('./service/delete.ts') },
  { path: 'env list', group: 'Accounts', summary: 'list environments', load: () => import('./env/list.ts') },
  { path: 'env create', group: 'Accounts', summary: 'add an environment', load: () => import('./env/create.ts') },
  { path: 'env delete', group: 'Accounts', summary: 'delete an environment without keys', load: () => import('./env/delete.ts') },
  { path: 'usage', group: 'Credits', summary: 'show requests and credits over time', load: () => import('./usage.ts') },
  { path: 'debits', group: 'Credits', summary: 'show single charges, newest first', load: () => import('./debits.ts') },
  { path: 'denials', group: 'Credits', summary: 'show recent denied requests, newest first', load: () => import('./denials.ts') },
  { path: 'credit', group: 'Credits', summary: 'give an account credits for a day, or take them', load: () => import('./credit/give.ts') },
  { path: 'credit list', group: 'Credits', summary: 'list what was given and taken', load: () => import('./credit/list.ts') },
  { path: 'refund', group: 'Credits', summary: 'give a debit back', load: () => import('./refund.ts') },
  { path: 'charge', group: 'Credits', summary: 'debit from the shell', load: () => import('./charge.ts') },
  { path: 'simulate', group: 'Credits', summary: 'try out requests without writing anything', load: () => import('./simulate.ts') },
  { path: 'reset', group: 'Credits', summary: 'close past days and prune; for cron', load: () => import('./reset.ts') },
  { path: 'serve', group: 'Operate', summary: 'run the verification endpoint', load: () => import('./serve.ts') },
  { path: 'status', group: 'Operate', summary: 'show the day at a glance', load: () => import('./status.ts') },
  { path: 'doctor', group: 'Operate', summary: 'prove that the books balance and the store is sound', load: () => import('./doctor.ts') },
  { path: 'upgrade', group: 'Operate', summary: "move the store to this release's schema", load: () => import('./upgrade.ts') },
  { path: 'backup', group: 'Operate', summary: 'copy the store to a file, beside whatever uses it', load: () => import('./backup.ts') },
  { path: 'restore', group: 'Operate', summary: 'put a backup back, without opening a door again', load: () => import('./restore.ts') },
  { path: 'export', group: 'Operate', summary: 'write the store, or its keys, as JSON lines', load: () => import('./export.ts') },
  { path: 'import', group: 'Operate', summary: 'bring in keys from elsewhere, or an export', load: () => import('./import.ts') },
  { path: 'import undo', group: 'Operate', summary: 'take a whole import back', load: () => import('./import/undo.ts') },
  { path: 'migrate', group: 'Operate', summary: 'move the store to PostgreSQL', load: () => import('./migrate.ts') },
  { path: 'audit', group: 'Operate', summary: 'show who changed what', load: () => import('./audit.ts') },
  {
    path: 'alert list',
    group: 'Operate',
    summary: 'list the messages to the webhook and what became of them',
    load: () => import('./alert/list.ts'),
  },
  { path: 'alert set', group: 'Operate', summary: 'say where alerts go and what they are about', load: () => import('./alert/set.ts') },
  { path: 'alert test', group: 'Operate', summary: 'send a signed message and show the answer', load: () => import('./alert/test.ts') },
  { path: 'alert retry', group: 'Operate', summary: 'send messages again that were given up', load: () => import('./alert/retry.ts') },
  { path: 'config list', group: 'Operate', summary: 'list settings', load: () => import('./config/list.ts') },
  { path: 'config get', group: 'Operate', summary: 'show one setting', load: () => import('./config/get.ts') },
  { path: 'config set', group: 'Operate', summary: 'change a setting', load: () => import('./config/set.ts') },
  { path: 'config unset', group: 'Operate', summary: 'put a setting back to its default', load: () => import('./config/unset.ts') },
  {
    path: 'config scanner-rule',
    group: 'Operate',
    summary: 'print a gitleaks rule that finds your keys',
    load: () => import('./config/scanner-rule.ts'),
  },
  { path: 'schedule', group: 'Operate', summary: 'print what runs reset each day on this host', load: () => import('./schedule.ts') },
  { path: 'init', group: 'Operate', summary: 'make a store, with a first account and key', load: () => import('./init.ts') },
  { path: 'completion', group: 'Operate', summary: 'print the completion script of a shell', load: () => import('./completion.ts') },
  {
    path: 'help',
    group: 'Operate',
    summary: 'tell about the environment, exit codes, formatting, json, or a command',
    load: () => import('./help.ts'),
  },
];

/** What a noun's own `--help` says above its verbs. */
export const NOUNS: Readonly<Record<string, string>> = {
  account: 'customers of the API: one tier and one balance each',
  tier: 'subscription levels: daily credits and rate limits',
  service: 'products of the API and what a request to them costs',
  env: 'environments; a key is for exactly one',
  alert: 'messages to a webhook: spent credits, keys that end',
  config: 'settings of this installation',
};
