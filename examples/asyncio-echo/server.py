"""Says back what it is told, line by line, with nothing but Python's own library."""
import asyncio
import signal

clients = set()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    clients.add(writer)
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        clients.discard(writer)
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(echo, "0.0.0.0", 7000)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print("echo: listening on port 7000")
    await stopped.wait()
    print(f"echo: closing, with {len(clients)} clients")
    server.close()
    for writer in list(clients):
        writer.close()


asyncio.run(main())
