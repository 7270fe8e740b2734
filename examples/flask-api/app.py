"""A guest book with Flask: a status, a health check, JSON, a template and a form."""
import threading
import time

from flask import Flask, jsonify, redirect, render_template, request, url_for

app = Flask(__name__)

started = time.monotonic()
entries = []
# Flask's server answers every request in a thread of its own.
lock = threading.Lock()


@app.get("/")
def index():
    with lock:
        return render_template("index.html", entries=list(entries))


@app.post("/")
def sign():
    name = request.form.get("name", "").strip()
    if not name:
        return render_template("index.html", entries=list(entries), error="Who are you?"), 400
    with lock:
        entries.append({"name": name, "message": request.form.get("message", "")})
    return redirect(url_for("index"))


@app.get("/api/status")
def status():
    return jsonify(status="running", uptime=round(time.monotonic() - started, 2))


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/api/entries")
def list_entries():
    with lock:
        return jsonify(entries)


@app.post("/api/entries")
def add_entry():
    given = request.get_json()
    if not isinstance(given, dict) or not str(given.get("name", "")).strip():
        return jsonify(error="name is missing"), 400
    entry = {"name": str(given["name"]), "message": str(given.get("message", ""))}
    with lock:
        entries.append(entry)
    return jsonify(entry), 201


@app.errorhandler(404)
def not_found(_error):
    return jsonify(error="there is nothing here"), 404


if __name__ == "__main__":
    app.run(port=5000)
