// bull.js SOCKET N - N jobs of BullMQ, each of which starts /bin/true, four at
// a time: prints the seconds from the first worker's start until all are done.
// NODE_PATH says where bullmq and ioredis lie.
'use strict';
const { spawn } = require('child_process');
const IORedis = require('ioredis');
const { Queue, Worker } = require('bullmq');

async function main(path, n) {
	const connection = new IORedis({ path, maxRetriesPerRequest: null });
	const queue = new Queue('bench', { connection });
	for (let i = 0; i < n; i += 500)
		await queue.addBulk(Array.from({ length: Math.min(500, n - i) },
			(_, k) => ({ name: 'true', data: { i: i + k } })));
	const run = () => new Promise((done) => {
		spawn('/bin/true', [], { stdio: 'ignore' }).on('exit', done);
	});
	const began = process.hrtime.bigint();
	let left = n;
	const worker = new Worker('bench', run, { connection, concurrency: 4 });
	worker.on('completed', () => {
		if (--left > 0)
			return;
		console.log(Number(process.hrtime.bigint() - began) / 1e9);
		process.exit(0);
	});
}

main(process.argv[2], Number(process.argv[3]));
