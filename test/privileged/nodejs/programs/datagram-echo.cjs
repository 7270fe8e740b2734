'use strict';
/** Answers every datagram on port 53. */
const socket = require('node:dgram').createSocket('udp4');

socket.on('message', (message, from) => socket.send(`${message} from the guest`, from.port, from.address));
socket.bind(53);
