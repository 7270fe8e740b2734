/** The firewalls of others as their packages start them: the real programs, with the defaults of Debian. */
import type { Machine } from './machine.ts';

export interface ForeignFirewall {
  /** As wasmrun calls it. */
  readonly name: string;
  /** Does it refuse connections of other machines to this one? */
  readonly closesHost: boolean;
  /** Shell lines that have it run. */
  readonly start: string;
  /** Shell lines that have it make all its rules again. */
  readonly reload: string;
  /** What its rules contain, as `iptables-save` or `nft list ruleset` print them. */
  readonly sign: string;
}

/** Waits until a command succeeds, 10 s at most. */
const until = (command: string): string =>
  `for each in $(seq 100); do ${command} && break; sleep 0.1; done >/dev/null 2>&1; ${command} >/dev/null`;

/** The package's own script would copy the rules too. */
const UFW: ForeignFirewall = {
  name: 'ufw',
  closesHost: true,
  start: `
    cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/*.init /usr/share/ufw/ufw.conf /etc/ufw/
    ufw --force enable`,
  reload: 'ufw reload',
  sign: '-A INPUT -j ufw-before-input',
};

/** A message bus of the system where everybody may everything: there is only root. */
const BUS = `<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>`;

const FIREWALLD: ForeignFirewall = {
  name: 'firewalld',
  closesHost: true,
  start: `
    mkdir /run/dbus
    echo '${BUS}' > /run/dbus.conf
    dbus-daemon --config-file=/run/dbus.conf --fork >/run/dbus.log 2>&1 </dev/null
    firewalld --nofork --nopid >/run/firewalld.log 2>&1 </dev/null &
    ${until('firewall-cmd --state')}`,
  reload: 'firewall-cmd --reload',
  sign: 'table inet firewalld',
};

const START_DOCKER = `
  dockerd --data-root /run/docker/data --exec-root /run/docker/exec --pidfile /run/docker/pid \\
    --host unix:///run/docker/socket --storage-driver vfs >/run/docker.log 2>&1 </dev/null &
  ${until('curl --silent --unix-socket /run/docker/socket http://docker/_ping')}`;

/** It closes the way through the host when it opens it for its containers, so that must be closed before. */
const DOCKER: ForeignFirewall = {
  name: 'Docker',
  closesHost: false,
  start: `
    mkdir /run/docker
    sysctl --quiet --write net.ipv4.ip_forward=0
    ${START_DOCKER}`,
  reload: `
    kill $(cat /run/docker/pid)
    ${until('[ ! -e /run/docker/pid ]')}
    ${START_DOCKER}`,
  sign: ':FORWARD DROP',
};

export const FOREIGN_FIREWALLS: readonly ForeignFirewall[] = [UFW, FIREWALLD, DOCKER];

const byHand = (name: string, rules: string, sign: string): ForeignFirewall => ({
  name,
  closesHost: true,
  start: rules,
  reload: rules,
  sign,
});

const IPTABLES_RULES = (command: string): string => `
  ${command} -A INPUT -i lo -j ACCEPT
  ${command} -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
  ${command} -P INPUT DROP
  ${command} -P FORWARD DROP`;

const NFT_RULES = `
  nft 'table inet filter {
    chain input {
      type filter hook input priority filter; policy drop;
      iif lo accept
      ct state established,related accept
    }
    chain forward {
      type filter hook forward priority filter; policy drop;
    }
  }'`;

/** What people write themselves. */
export const FIREWALLS_BY_HAND: readonly ForeignFirewall[] = [
  byHand('iptables', IPTABLES_RULES('iptables'), ':INPUT DROP'),
  byHand('iptables-legacy', IPTABLES_RULES('iptables-legacy'), ':INPUT DROP'),
  byHand('the nftables table inet filter', NFT_RULES, 'policy drop'),
];

/** All rules of the machine, in any order and without their counters. */
export const rulesOf = async (machine: Machine): Promise<string[]> => {
  // Tables of the family ip are those of iptables.
  const listings = ['iptables-save', 'iptables-legacy-save', 'nft list ruleset inet'];
  const rules = await machine.run(listings.map((listing) => `${listing} 2>/dev/null`).join('; '));
  return (
    rules
      .split('\n')
      // The kernel's own chains come into being when somebody looks at their table.
      .filter((line) => !/^(#|\*|COMMIT|:\S+ ACCEPT)/.test(line))
      .map((line) => line.replace(/\[\d+:\d+\]/, '').replace(/counter packets \d+ bytes \d+/, 'counter'))
      .toSorted()
  );
};

/** Starts it, and makes sure that its rules stand. */
export const startFirewall = async (machine: Machine, { start, sign }: ForeignFirewall): Promise<void> => {
  await machine.run(start);
  await expectRunning(machine, sign);
};

/** Has it make all its rules again. */
export const reloadFirewall = async (machine: Machine, { reload, sign }: ForeignFirewall): Promise<void> => {
  await machine.run(reload);
  await expectRunning(machine, sign);
};

const expectRunning = async (machine: Machine, sign: string): Promise<void> => {
  const rules = await rulesOf(machine);
  if (!rules.some((line) => line.includes(sign)))
    throw new Error(`"${sign}" is not among the rules:\n${rules.join('\n')}`);
};
