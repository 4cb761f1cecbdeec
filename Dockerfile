# The web part. MongoDB and Redis are other containers: MONGODB_URL and REDIS_URL must be set
# (docker-compose.yml does it), since the embedded databases are not installed here.

FROM python:3.12.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.lock

FROM python:3.12.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data
RUN useradd --system --uid 10001 --home-dir /data --create-home imsystem
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . .
# The files are root's and the process is not: bytecode has to be made here. The keys are for this
# step only; collecting files signs nothing.
RUN SECRET_KEY=only-for-collectstatic JWT_SIGNING_KEY=only-for-collectstatic \
      python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q .
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-m", "imsystem.embedded.probe"]
CMD ["python", "manage.py", "up", "--host", "0.0.0.0", "--data-dir", "/data"]
