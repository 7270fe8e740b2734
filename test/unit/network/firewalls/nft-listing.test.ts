import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readListing } from '../../../../src/network/firewalls/nft-listing.ts';

/** As nft 1.0.6 prints it. */
const LISTING = `table inet wasmrun {
	map forwards {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
		elements = { 127.0.0.1 . tcp . 8080 : 10.231.0.1 . 3000,
			     127.0.0.1 . tcp . 8081 : 10.231.0.3 . 3000 }
	}

	set sandboxes {
		type ifname . ipv4_addr
		elements = { "wasmrun-v0" . 10.231.0.1 }
	}

	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iifname "wasmrun-v*" ip daddr 127.0.0.0/8 drop
		iifname "wasmrun-v*" iifname . ip saddr != @sandboxes drop
	}

	chain refuse {
		meta l4proto tcp reject with tcp reset
	}

	chain ruleset_0badcafe {
	}
}
`;

describe('the listing of an nft table', () => {
  it('tells how many rules each chain has, without the line that hooks it in', () => {
    expect(readListing(LISTING).chains).toEqual(
      new Map([
        ['guard', 2],
        ['refuse', 1],
        ['ruleset_0badcafe', 0],
      ]),
    );
  });

  it('gives the elements of sets and maps, also from several lines', () => {
    expect(readListing(LISTING).elements).toEqual(
      new Set([
        '127.0.0.1 . tcp . 8080 : 10.231.0.1 . 3000',
        '127.0.0.1 . tcp . 8081 : 10.231.0.3 . 3000',
        '"wasmrun-v0" . 10.231.0.1',
      ]),
    );
  });

  it('finds whatever is printed in this layout', () => {
    const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,10}$/);
    const rule = fc.stringMatching(/^(iifname|ip|meta|reject) [a-z0-9 @.]{0,20}[a-z]$/);
    const chains = fc.uniqueArray(fc.tuple(name, fc.boolean(), fc.array(rule)), { selector: ([key]) => key });
    const hook = '\t\ttype filter hook input priority filter; policy accept;\n';
    fc.assert(
      fc.property(chains, (chains) => {
        const text = chains.map(
          ([key, isHooked, rules]) =>
            `\tchain ${key} {\n${isHooked ? hook : ''}${rules.map((line) => `\t\t${line}\n`).join('')}\t}\n`,
        );
        const listing = readListing(`table inet t {\n${text.join('\n')}}\n`);
        expect(listing.chains).toEqual(new Map(chains.map(([key, , rules]) => [key, rules.length])));
        expect(listing.elements.size).toBe(0);
      }),
    );
  });

  it.each(['', 'garbage', 'table inet t {\n}\n'])('of %j is empty', (text) => {
    expect(readListing(text)).toEqual({ chains: new Map(), elements: new Set() });
  });
});
