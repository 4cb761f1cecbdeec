"""Who lives in the demo world, and what they talk about."""

from collections.abc import Iterator
from itertools import chain, count, cycle, islice

# Nobody gets mail there: .example is reserved (RFC 2606). It also marks people of the demo.
MAIL_DOMAIN = "demo.example"

PEOPLE = [
    ("alice", "Alice Chen"), ("bob", "Bob Miller"), ("carol", "Carol 王可"),
    ("li.wei", "李伟"), ("wang.fang", "王芳"), ("emma", "Emma Novak"), ("zhang.min", "张敏"),
    ("james", "James O'Neill"), ("liu.yang", "刘洋"), ("sofia", "Sofia Rossi"),
    ("chen.jie", "陈洁"), ("omar", "Omar Haddad"), ("zhao.lei", "赵磊"), ("yuki", "Yuki 由紀"),
    ("sun.li", "孙丽"), ("marta", "Marta Kowalska"), ("zhou.qiang", "周强"),
    ("david", "David Park"), ("wu.xia", "吴霞"), ("nina", "Nina Berg"),
    ("xu.hao", "徐浩"), ("paul", "Paul Dubois"),
]  # fmt: skip

ROOMS = [
    ("Kitchen 厨房", "Who cooks, who shops, who ate my yoghurt."),
    ("Weekend hike 周末爬山", "每周六，集合地点见最新消息。"),
    ("Release 2.0", "What is left before we ship."),
    ("读书会 Reading club", "One book a month. 这个月：《三体》。"),
    ("Support desk 值班", "Questions of users, and who takes them."),
]

# (who speaks, what): the speaker is a position in the room's list of people.
DIALOGUES: list[list[tuple[int, str]]] = [
    [
        (0, "Who is here for lunch today?"),
        (1, "Me! And I bring bread."),
        (2, "我也在，12 点半可以吗？"),
        (0, "可以。I make the tomato soup then 🍅"),
        (3, "冰箱里还有鸡蛋，先用掉吧。"),
        (1, "Good idea. Does anybody need it without garlic?"),
        (4, "我不吃香菜，别的都行。"),
        (2, "谁把我的酸奶吃了？😤"),
        (1, "… I owe you one. Two, actually."),
        (2, "好吧，原谅你了 😄"),
    ],
    [
        (2, "周六去香山，有人一起吗？"),
        (0, "Count me in. What time?"),
        (2, "早上八点，地铁站 A 口集合。"),
        (3, "我可能晚十分钟，别等我，山脚见。"),
        (1, "The forecast says rain after three."),
        (0, "Then we start early and are down by two."),
        (4, "需要带什么？"),
        (2, "水、雨衣，还有零食。上次的牛肉干不错！"),
        (1, "I have a spare raincoat, just tell me the size."),
        (4, "太好了，M 号，谢谢 🙏"),
        (3, "晚上要不要一起吃火锅？"),
        (0, "Now you are talking."),
    ],
    [
        (0, "Three tickets left: search, the iOS keyboard, translations."),
        (1, "Search is done, it waits for a review."),
        (3, "翻译今天下午交，还差设置页。"),
        (0, "Great. Who has seen the keyboard problem on a real phone?"),
        (2, "I can reproduce it: rotate while typing, the composer jumps."),
        (1, "Same here. It is the viewport unit, `dvh` fixes it."),
        (4, "我这边测试环境已经升级到新版本了。"),
        (0, "Numbers?"),
        (4, "p99 42 ms, no errors since yesterday."),
        (2, "Ship it on Thursday, not on Friday 🙃"),
        (0, "Thursday it is. Thank you all!"),
    ],
    [
        (3, "大家看到第几章了？"),
        (1, "Chapter 12. I did not see that coming."),
        (2, "没剧透吧？我才到第八章 🙈"),
        (1, "Not a word, promise."),
        (0, "The part with the counting army is the best thing I read this year."),
        (3, "人列计算机！那一段真的很妙。"),
        (4, "下个月读什么？我提议《活着》。"),
        (0, "Seconded. Is there a good English translation?"),
        (4, "有的，Michael Berry 译的 To Live。"),
        (2, "那就定了，下周三晚上七点，老地方。"),
    ],
    [
        (1, "A user asks how to move an account to a new phone."),
        (0, "Just sign in there. History comes from the server."),
        (2, "有用户说验证码收不到，我在看。"),
        (3, "是不是进了垃圾邮件？上周有两例。"),
        (2, "对，就是垃圾邮件，已解决 ✅"),
        (4, "Can somebody take the evening? I am on a train until nine."),
        (1, "I do. Anything open?"),
        (4, "Only the one about room numbers; the answer is in the handbook."),
        (0, "今晚我也在，有事叫我。"),
        (1, "Thanks, quiet so far 🤞"),
    ],
]


def people() -> Iterator[tuple[str, str]]:
    """Accounts and nicknames without end; after the list come "alice-2" and so on."""
    for again in count(1):
        for account, nickname in PEOPLE:
            if again == 1:
                yield account, nickname
            else:
                yield f"{account}-{again}", f"{nickname} {again}"


def rooms(number: int) -> Iterator[tuple[str, str]]:
    """Name and description of the first `number` groups."""
    for position in range(number):
        name, info = ROOMS[position % len(ROOMS)]
        again = position // len(ROOMS) + 1
        yield (name, info) if again == 1 else (f"{name} {again}", info)


def lines(start: int, number: int) -> Iterator[tuple[int, str]]:
    """`number` lines for one room: all dialogues in turn, beginning with dialogue `start`."""
    dialogues = islice(cycle(DIALOGUES), start % len(DIALOGUES), None)
    return islice(chain.from_iterable(dialogues), number)


def shares(total: int, parts: int) -> list[int]:
    """`total` messages spread over the rooms, one more for the first ones."""
    return [len(range(part, total, parts)) for part in range(parts)]
