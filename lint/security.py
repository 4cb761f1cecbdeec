"""What the rules of security.yml find (`ruleid`) and what they leave alone (`ok`)."""
# Never imported: the names stand for what they would be in the product.


def lookups(users, email):
    # ruleid: pattern-lookup
    users.filter(email__iexact=email)
    # ruleid: pattern-lookup
    users.filter(**{"email__iregex": email})
    # ok: pattern-lookup
    users.filter(email=email, account__icontains=email)


def operators(users, text):
    # ruleid: mongo-code
    users.find({"email": {"$regex": text}})
    # ruleid: mongo-code
    users.find({"$where": text})
    # ok: mongo-code
    users.find({"email": {"$in": [text]}})


def raw(users, pipeline):
    # ruleid: raw-query
    users.raw_aggregate(pipeline)
    # ok: raw-query
    users.aggregate(pipeline)


def filters(request, users, collection, number):
    # ruleid: input-in-a-filter
    collection.find_one({"email": request.data["email"]})
    wanted = request.data.get("account")
    # ruleid: input-in-a-filter
    collection.find({"account": wanted})
    # ruleid: input-in-a-filter
    users.filter(**request.data)
    # ruleid: input-in-a-filter
    users.order_by(request.GET.get("sort"))
    # ok: input-in-a-filter
    collection.find_one({"seq": int(request.data["seq"])})
    # ok: input-in-a-filter
    collection.find_one({"seq": number})


def ways(request, url_has_allowed_host_and_scheme):
    # ruleid: input-leads-elsewhere
    redirect(request.GET["next"])
    name = request.POST.get("name")
    # ruleid: input-leads-elsewhere
    open(name)
    # ruleid: input-leads-elsewhere
    httpx.get(request.data["url"])
    # ok: input-leads-elsewhere
    redirect("chat:index")


# ruleid: http-client
import httpx
# ruleid: http-client
import urllib.request
# ok: http-client
from urllib.parse import urlsplit


async def events(layer, frame, room):
    # ruleid: event-type
    await layer.group_send("room", frame)
    # ruleid: event-type
    await layer.group_send("room", {"type": frame["type"], "room": room})
    # ruleid: event-type
    await layer.group_send("room", {"type": "news", **frame})
    # ok: event-type
    await layer.group_send("room", {"type": "news", "room": room})
    # ok: event-type
    await layer.group_send("room", {"type": "news"})


class CarelessAdmin(ModelAdmin):
    # ruleid: admin-search
    search_fields = ("nickname", "=account")


class CarefulAdmin(ModelAdmin):
    # ok: admin-search
    search_fields = ("nickname", "account")


def markup(text):
    # ruleid: html-unescaped
    mark_safe(text)
    # ruleid: html-unescaped
    format_html(f"<b>{text}</b>")
    # ruleid: html-unescaped
    format_html("<b>" + text)
    # ok: html-unescaped
    format_html("<b>{}</b>", text)


# ruleid: csrf
@csrf_exempt
def unguarded(request):
    return request


class Unguarded:
    # ruleid: csrf
    @method_decorator(csrf_exempt)
    def dispatch(self, request):
        return request


# ok: csrf
@csrf_protect
def guarded(request):
    return request


def run(data):
    # ruleid: code-from-data
    eval(data)
    # ruleid: code-from-data
    exec(data)
    # ruleid: code-from-data
    pickle.loads(data)
    # ruleid: code-from-data
    yaml.load(data)
    # ok: code-from-data
    json.loads(data)
    # ok: code-from-data
    yaml.safe_load(data)


def logs(logger, user, message, code, exc):
    # ruleid: secret-in-log
    logger.info("said %s", message["data"])
    # ruleid: secret-in-log
    logger.warning("wrong code %s of %s", code, user.pk)
    # ruleid: secret-in-log
    logger.debug("%s", user.password)
    # ruleid: text-made-for-the-log
    logger.info(f"said {message}")
    # ok: secret-in-log, text-made-for-the-log
    logger.info("%s was refused: %r", user.pk, exc)


def prints(text):
    # ruleid: print
    print(text)
    # ok: print
    pprint(text)
