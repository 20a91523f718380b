import { describeStatus, STATUS_FIELDS, statusJson } from '../operations/describe-status.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { painter } from '../terminal/painter.ts';
import type { CommandModule } from './call.ts';
import { statusScreen } from './status-screen.ts';

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    const { out } = call;
    out.checkFields(STATUS_FIELDS);
    const status = await describeStatus(await call.openStore('read'));
    const style = { places: out.columns, glyphs: glyphs(out.unicode), paint: painter(out.color) };
    out.show(statusJson(status), () => statusScreen(status, style).join('\n'), STATUS_FIELDS);
    return undefined;
  },
};
