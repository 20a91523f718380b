import { hasPassword, type Host, type Schedule } from './host.ts';
import { xmlText } from './xml.ts';

const FILE = 'keyctl-reset.xml';

/**
 * A task of Windows' Task Scheduler. A start with a Z is in UTC whatever the host's time zone, in summer too ("synchronize across time zones"),
 * and `StartWhenAvailable` makes up for a run that was missed. S4U: it runs whether or not the user is logged on, and no password is stored.
 */
export function taskSchedule({ interpreter, program, store, user }: Host): Schedule {
  // Who has a password in KEYCTL_DB has it in the user's environment, which the task has as well.
  const db = hasPassword(store) ? '' : ` --db "${store}"`;
  const text = `<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <!-- 00:00 UTC, as the Z says, whatever the host's time zone; a run that was
       missed is made up for. Balances come back at 00:00 UTC without it. -->
  <RegistrationInfo><Description>keyctl, closing of past days at 00:00 UTC</Description></RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2026-01-01T00:00:00Z</StartBoundary>
      <ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Principals><Principal id="Author"><UserId>${xmlText(user)}</UserId><LogonType>S4U</LogonType></Principal></Principals>
  <Settings>
    <StartWhenAvailable>true</StartWhenAvailable>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${xmlText(interpreter)}</Command>
      <Arguments>${xmlText(`"${program}"${db} reset`)}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
  return {
    files: [{ path: FILE, text }],
    then: ['keyctl schedule --out .', `schtasks /Create /TN keyctl-reset /XML ${FILE}`],
  };
}
