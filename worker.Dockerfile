# One image for web, worker, beat, Flower and migrations; docker-compose.yml names the commands.

FROM python:3.11-slim AS packages
COPY requirements.lock /tmp/requirements.lock
# pip stays behind in this stage.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
       --require-hashes --only-binary=:all: -r /tmp/requirements.lock

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=dexproject.settings \
    DEX_STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin dex
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY . .
# The code and the files of the page belong to root: the running user can change neither.
RUN python -m compileall -q dexproject paper_trading tasks manage.py \
    && python manage.py collectstatic --noinput
USER dex
EXPOSE 8000
CMD ["uvicorn", "dexproject.asgi:application", "--host", "0.0.0.0", "--port", "8000"]
