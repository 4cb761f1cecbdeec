"""The sentences of the original's answers, which its clients compare: part of the protocol.

Therefore they stand here and not in locale/: nobody translates them.
"""

SIGNED_IN = "登录成功"  # also the answer to a registration
CODE_SENT = "验证码发送成功"
LOADED = "数据加载成功"
ADDED = "添加成功"
DELETED = "删除成功"

NOT_SIGNED_IN = "用户认证不通过"
BAD_PARAMETERS = "参数不正确"
NO_NAME_OR_PASSWORD = "用户名或密码不能为空"  # noqa: S105 -- a sentence
WRONG_NAME_OR_PASSWORD = "用户名或密码错误"  # noqa: S105 -- a sentence
NO_EMAIL = "邮箱不能为空"
ACCOUNT_TAKEN = "账号已被注册"
WRONG_CODE = "验证码不正确"
NO_ROOM = "房间号不能为空"
NOT_YOUR_ROOM = "非法访问"
FRIENDS_ALREADY = "互为好友，不可重复添加"
NO_FRIENDS = "不为好友关系，无需删除"

# The original adds the text of the exception; ours stays in the log.
SYSTEM_ERROR = "系统错误"
SYSTEM_FAILURE = "系统异常"
QUERY_FAILED = "数据查询异常"
DATABASE_FAILED = "数据库异常"

# What the original could not have to say.
NEEDS_OTP = "请使用支持两步验证的客户端登录"
REGISTRATION_CLOSED = "本服务器暂未开放注册"
MAY_NOT_ADD = "对方不允许被添加"
WAIT = "操作过于频繁，请在{seconds}秒后重试"
